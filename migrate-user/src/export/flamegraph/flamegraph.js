// Zooms and searches. Without it the picture is the same, and each frame tells what it is.
"use strict";
addEventListener("load", () => {
  const letter = 7.2;
  const number = (element, name) => Number(element.getAttribute(name));
  const frames = Array.from(document.querySelectorAll(".frame"), (group) => {
    const [title, rect, text] = group.children;
    const [x, width] = [number(rect, "x"), number(rect, "width")];
    const name = title.textContent.replace(/ \([^()]*\)$/, "");
    return { group, rect, text, name, x, width, y: number(rect, "y") };
  });
  const whole = frames[0];
  const inside = (frame, around) =>
    frame.x >= around.x - 0.002 && frame.x + frame.width <= around.x + around.width + 0.002;

  function place(frame, x, width) {
    frame.rect.setAttribute("x", x);
    frame.rect.setAttribute("width", width);
    frame.text.setAttribute("x", x + 3);
    const room = Math.floor((width - 6) / letter);
    const short = room < 3 ? "" : frame.name.slice(0, room - 1) + "…";
    frame.text.textContent = frame.name.length <= room ? frame.name : short;
  }

  function zoom(to) {
    const scale = whole.width / to.width;
    for (const frame of frames) {
      const above = frame.y <= to.y && inside(frame, to);
      const under = frame.y > to.y && inside(to, frame);
      frame.group.classList.toggle("away", !above && !under);
      frame.group.classList.toggle("under", under);
      if (above) {
        place(frame, whole.x + (frame.x - to.x) * scale, frame.width * scale);
      } else if (under) {
        place(frame, whole.x, whole.width);
      }
    }
  }

  function search() {
    const words = prompt("Search for (a regular expression):");
    if (words === null) {
      return;
    }
    let is;
    try {
      is = words === "" ? null : new RegExp(words);
    } catch (error) {
      alert(error.message);
      return;
    }
    let found = 0;
    let until = -1;
    // From left to right, and of those that begin together the outermost first: what lies in a hit
    // is counted with it.
    const sorted = [...frames].sort((a, b) => a.x - b.x || b.y - a.y);
    for (const frame of sorted) {
      const hit = is !== null && is.test(frame.name);
      frame.group.classList.toggle("hit", hit);
      if (hit && frame.x >= until - 0.002) {
        found += frame.width;
        until = frame.x + frame.width;
      }
    }
    const share = ((100 * found) / whole.width).toFixed(1);
    document.getElementById("found").textContent = is === null ? "" : `found: ${share}%`;
  }

  const key = document.getElementById("search");
  key.textContent = "search (/)";
  key.addEventListener("click", search);
  addEventListener("keydown", (event) => {
    if (event.key === "/") {
      event.preventDefault();
      search();
    } else if (event.key === "Escape") {
      zoom(whole);
    }
  });
  for (const frame of frames) {
    frame.group.addEventListener("click", () => zoom(frame));
  }
});
