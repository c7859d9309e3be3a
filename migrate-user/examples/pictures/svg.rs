//! A terminal's buffer as SVG. Blocks and shades are rectangles, so that they look the same with
//! every font.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// The size of a cell and of the air around them.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 10.0;

/// Where letters stand in their line.
const BASELINE: f64 = 13.5;

const GROUND: &str = "#1e1e1e";
const TEXT: &str = "#d4d4d4";

/// As a terminal's dark theme has them.
fn colour(colour: Color) -> &'static str {
    match colour {
        Color::Cyan => "#56b6c2",
        Color::Green => "#98c379",
        Color::Yellow => "#e5c07b",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Red => "#be5046",
        Color::LightRed => "#ff7b72",
        Color::LightYellow => "#ffd580",
        Color::DarkGray => "#7f848e",
        _ => TEXT,
    }
}

/// What neighbours must have in common to be drawn together.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    text: &'static str,
    ground: Option<&'static str>,
    bold: bool,
    block: Option<Block>,
}

/// A part of a cell, as shares of it, and how dense it is.
#[derive(Clone, Copy, PartialEq)]
struct Block {
    width: f64,
    height: f64,
    density: f64,
}

fn block(symbol: &str) -> Option<Block> {
    let letter = symbol.chars().next()?;
    let whole = Block {
        width: 1.0,
        height: 1.0,
        density: 1.0,
    };
    Some(match letter {
        '▁'..='█' => Block {
            height: f64::from(letter as u32 - 0x2580) / 8.0,
            ..whole
        },
        '▉'..='▏' => Block {
            width: f64::from(0x2590 - letter as u32) / 8.0,
            ..whole
        },
        '░' => Block {
            density: 0.25,
            ..whole
        },
        '▒' => Block {
            density: 0.5,
            ..whole
        },
        '▓' => Block {
            density: 0.75,
            ..whole
        },
        _ => return None,
    })
}

fn look(cell: &Cell) -> Look {
    let (text, ground) = (colour(cell.fg), None);
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let (text, ground) = if reversed {
        (GROUND, Some(text))
    } else {
        (text, ground)
    };
    Look {
        text,
        ground,
        bold: cell.modifier.contains(Modifier::BOLD),
        block: block(cell.symbol()),
    }
}

/// The buffer as one picture.
pub(crate) fn picture(title: &str, buffer: &Buffer) -> String {
    let area = buffer.area;
    let (width, height) = (
        f64::from(area.width) * WIDTH + 2.0 * MARGIN,
        f64::from(area.height) * HEIGHT + 2.0 * MARGIN,
    );
    let mut lines = String::new();
    for y in 0..area.height {
        line(buffer, y, &mut lines);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace\" font-size=\"14\" xml:space=\"preserve\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{GROUND}\"/>\n{lines}</svg>\n"
    )
}

/// Draws neighbours that look alike together.
fn line(buffer: &Buffer, y: u16, out: &mut String) {
    let mut x = 0;
    while x < buffer.area.width {
        let look = look(&buffer[(x, y)]);
        let begin = x;
        let mut text = String::new();
        while x < buffer.area.width && self::look(&buffer[(x, y)]) == look {
            text += buffer[(x, y)].symbol();
            x += 1;
        }
        run(look, &text, (begin, y, x - begin), out);
    }
}

fn run(look: Look, text: &str, (x, y, columns): (u16, u16, u16), out: &mut String) {
    let (left, upper) = (
        MARGIN + f64::from(x) * WIDTH,
        MARGIN + f64::from(y) * HEIGHT,
    );
    let width = f64::from(columns) * WIDTH;
    let mut rectangle = |(left, upper): (f64, f64),
                         (width, height): (f64, f64),
                         fill: &str,
                         density: f64| {
        let opacity = if density < 1.0 {
            format!(" opacity=\"{density}\"")
        } else {
            String::new()
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{upper:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"{opacity}/>"
        );
    };
    if let Some(ground) = look.ground {
        rectangle((left, upper), (width, HEIGHT), ground, 1.0);
    }
    if let Some(block) = look.block {
        let width = if block.width < 1.0 {
            block.width * WIDTH
        } else {
            width
        };
        let height = block.height * HEIGHT;
        rectangle(
            (left, upper + HEIGHT - height),
            (width, height),
            look.text,
            block.density,
        );
    } else if !text.trim().is_empty() {
        let blanks = text.len() - text.trim_start().len();
        let shown = text.trim();
        let columns = ratatui::text::Line::raw(shown).width();
        // Blanks in a row would become one.
        let escaped = shown
            .replace(' ', "\u{a0}")
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let weight = if look.bold {
            " font-weight=\"bold\""
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{}\"{weight} textLength=\"{:.1}\" \
             lengthAdjust=\"spacingAndGlyphs\">{escaped}</text>",
            left + blanks as f64 * WIDTH,
            upper + BASELINE,
            look.text,
            columns as f64 * WIDTH,
        );
    }
}
