//! Which room may know which, in whatever crate they are: read from the sources, and held against
//! the table that docs/architecture.md shows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with those that it imports.
type Rooms = &'static [(&'static str, &'static str)];

/// The crates: what others call each, where its sources are, and its rooms with the rooms that they
/// import: only such as stand above them.
#[rustfmt::skip]
const CRATES: &[(&str, &str, Rooms)] = &[
    ("migscope_recording", "recording/src", &[
        ("trace", ""),
        ("recording", "trace"),
    ]),
    ("migscope_tracer", "tracer/src", &[
        ("memory_cgroups", ""),
        ("machine", "trace"),
        ("threads", "trace"),
        ("kernel", "trace memory_cgroups machine threads"),
        ("privilege", "machine"),
        ("doctor", "memory_cgroups machine kernel privilege"),
    ]),
    ("migscope", "src", &[
        ("text", ""),
        ("tell", "text"),
        ("signals", ""),
        ("source", "trace text recording machine kernel"),
        ("error", "recording kernel source"),
        ("model", "trace"),
        ("insight", "trace text model"),
        ("compare", "trace text"),
        ("figures", "trace text model"),
        ("report", "trace text source model insight compare figures"),
        ("export", "trace text recording source error model"),
        ("merge", "trace text error export"),
        ("serve", "trace text machine error model export"),
        ("dashboard", "trace text tell signals machine source error model insight figures export"),
        ("config", "error dashboard"),
        ("cli", "trace recording source export serve dashboard"),
        ("shorthand", "cli"),
        ("command", "trace text tell signals recording machine threads kernel doctor privilege source error model insight compare figures report export merge serve dashboard config cli"),
    ]),
];

/// What must not come along with recordings, for whoever reads or writes them in a tool of their
/// own: a runtime, the kernel, a terminal, a command line, a server.
#[rustfmt::skip]
const NOT_WITH_RECORDINGS: [&str; 8] = [
    "aya", "blazesym", "clap", "clap_builder", "crossterm", "hyper", "ratatui", "tokio",
];

/// A source file by its path in modules: `model::ping_pong` for `model/ping_pong.rs`, `model` for
/// `model/mod.rs`.
type Files = BTreeMap<String, Imports>;

/// What a file imports, as paths from the root of whatever crate it is in.
type Imports = BTreeSet<String>;

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every room, in the order of the table.
fn rooms() -> impl Iterator<Item = (&'static str, &'static str)> {
    CRATES.iter().flat_map(|(_, _, rooms)| *rooms).copied()
}

/// The sources of all crates.
fn files() -> Files {
    CRATES
        .iter()
        .flat_map(|(_, folder, _)| files_in(folder))
        .collect()
}

/// The sources in a folder without their tests.
fn files_in(folder: &str) -> Files {
    let root = file(folder);
    let mut files = Files::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(module) = module(&path, &root) {
                let text = fs::read_to_string(&path).unwrap();
                files.insert(module.clone(), imports(&text, &module));
            }
        }
    }
    files
}

/// The path in modules; `None` for tests, for what is no source, and for the root, which puts rooms
/// together.
fn module(path: &Path, root: &Path) -> Option<String> {
    let inside = path.strip_prefix(root).unwrap().with_extension("");
    let mut names: Vec<_> = inside.iter().map(|name| name.to_str().unwrap()).collect();
    if path.extension()? != "rs" || names.contains(&"tests") {
        return None;
    }
    names.retain(|name| *name != "mod");
    let is_root = matches!(names[..], ["lib" | "main"]);
    (!is_root).then(|| names.join("::"))
}

/// The paths that a source imports from these crates, by `use` or in place.
fn imports(text: &str, module: &str) -> Imports {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Imports::new();
    for statement in code.split(';') {
        // What stands before it ends with a line of its own.
        let last = statement.rfind("use ").filter(|at| {
            let before = statement[..*at].rsplit('\n').next().unwrap().trim();
            matches!(before, "" | "pub" | "pub(crate)" | "pub(super)")
        });
        let Some(at) = last else { continue };
        let mut paths = Vec::new();
        expand("", &statement[at + 4..], &mut paths);
        found.extend(paths.iter().filter_map(|path| absolute(path, module)));
    }
    for root in roots() {
        for (at, _) in code.match_indices(&root) {
            let rest = &code[at + root.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = rest[..end.unwrap_or(rest.len())].trim_end_matches(':');
            found.insert(path.to_owned());
        }
    }
    found.remove("");
    found
}

/// What paths into these crates begin with.
fn roots() -> impl Iterator<Item = String> {
    let names = CRATES.iter().map(|(name, _, _)| *name);
    ["crate"]
        .into_iter()
        .chain(names)
        .map(|name| format!("{name}::"))
}

/// The single paths of a `use` tree.
fn expand(before: &str, tree: &str, paths: &mut Vec<String>) {
    let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some(open) = tree.find('{') else {
        paths.push(format!("{before}{}", tree.trim()));
        return;
    };
    let before = format!("{before}{}", tree[..open].trim());
    let inside = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inside[begin..at].trim().is_empty() {
                    expand(&before, inside[begin..at].trim(), paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// From the root of one of these crates; `None` for paths of others.
fn absolute(path: &str, module: &str) -> Option<String> {
    let path = path.split(" as ").next().unwrap();
    if let Some(path) = roots().find_map(|root| path.strip_prefix(&*root)) {
        return Some(path.to_owned());
    }
    let mut names: Vec<_> = module.split("::").collect();
    let mut rest = path;
    if let Some(inside) = rest.strip_prefix("self::") {
        rest = inside;
    } else if !rest.starts_with("super::") {
        return None;
    }
    while let Some(above) = rest.strip_prefix("super::") {
        names.pop();
        rest = above;
    }
    names.push(rest);
    Some(names.join("::"))
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap()
}

/// The file that a path leads to: the longest beginning of it that is one. What the root offers
/// itself is of these rooms.
fn target<'a>(files: &'a Files, path: &str) -> Option<&'a str> {
    let mut path = match path {
        "Error" => "error",
        "tell_line" => "tell",
        path => path,
    };
    loop {
        if let Some((module, _)) = files.get_key_value(path) {
            return Some(module);
        }
        path = path.rsplit_once("::")?.0;
    }
}

#[test]
fn rooms_import_only_what_stands_above_them() {
    let files = files();
    let mut arrows = BTreeMap::<&str, BTreeMap<&str, Vec<&str>>>::new();
    for (module, imports) in &files {
        for to in imports.iter().filter_map(|path| target(&files, path)) {
            if room(to) != room(module) {
                let by = arrows.entry(room(module)).or_default();
                by.entry(room(to)).or_default().push(module);
            }
        }
    }
    let known: Vec<_> = rooms().map(|(room, _)| room).collect();
    for (at, (room, imports)) in rooms().enumerate() {
        let imports: BTreeSet<_> = imports.split_whitespace().collect();
        for to in &imports {
            assert!(known[..at].contains(to), "{room} stands above {to}");
        }
        let is: BTreeSet<_> = arrows
            .get(room)
            .into_iter()
            .flatten()
            .map(|it| *it.0)
            .collect();
        let may = imports;
        let by = |to: &&str| arrows[room].get(*to).cloned().unwrap_or_default();
        let wrong: Vec<_> = is.difference(&may).map(|to| (*to, by(to))).collect();
        assert!(wrong.is_empty(), "{room} imports {wrong:?}");
        let stale: Vec<_> = may.difference(&is).collect();
        assert!(stale.is_empty(), "{room} no longer imports {stale:?}");
    }
}

#[test]
fn every_crate_has_its_rooms() {
    for (name, folder, rooms) in CRATES {
        let files = files_in(folder);
        let is: BTreeSet<_> = files.keys().map(|module| room(module)).collect();
        let told: BTreeSet<_> = rooms.iter().map(|(room, _)| *room).collect();
        assert_eq!(is, told, "{name}");
    }
}

fn table(path: &str) -> toml::Table {
    fs::read_to_string(file(path)).unwrap().parse().unwrap()
}

#[test]
fn only_tests_use_what_tests_share() {
    for (name, folder, _) in CRATES {
        let manifest = table(&format!("{folder}/../Cargo.toml"));
        let needs = manifest["dependencies"].as_table().unwrap();
        assert!(!needs.contains_key("migscope-testkit"), "{name}");
    }
}

/// By what is locked, whatever the features: a little more than what is built.
#[test]
fn recordings_bring_few_libraries() {
    let (manifest, lock) = (table("recording/Cargo.toml"), table("../Cargo.lock"));
    let mut needs = BTreeMap::<&str, Vec<&str>>::new();
    for package in lock["package"].as_array().unwrap() {
        let all = package.get("dependencies").and_then(|all| all.as_array());
        let names = all.into_iter().flatten().map(|name| {
            // The version stands behind it where there are several.
            name.as_str().unwrap().split(' ').next().unwrap()
        });
        needs
            .entry(package["name"].as_str().unwrap())
            .or_default()
            .extend(names);
    }
    let direct = manifest["dependencies"].as_table().unwrap().keys();
    let mut todo: Vec<_> = direct.map(String::as_str).collect();
    let mut all = BTreeSet::new();
    while let Some(name) = todo.pop() {
        if all.insert(name) {
            todo.extend(&needs[name]);
        }
    }
    assert!(all.contains("arrow-schema") && all.len() > 20, "{all:?}");
    let wrong: Vec<_> = NOT_WITH_RECORDINGS
        .iter()
        .filter(|name| all.contains(*name))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?} come with migscope-recording");
}

/// A module and those inside it are one; beyond that, whoever is imported does not import back.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let files = files();
    let is_inside = |module: &str, of: &str| {
        let rest = module.strip_prefix(of);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut to: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, imports) in &files {
        let targets = imports.iter().filter_map(|path| target(&files, path));
        let others = targets.filter(|to| !is_inside(module, to));
        to.insert(module, others.collect());
    }
    // Whoever imports nothing that is left is in no circle.
    loop {
        let left: BTreeSet<_> = to.keys().copied().collect();
        let free: Vec<_> = to
            .iter()
            .filter(|(_, imports)| imports.is_disjoint(&left))
            .map(|(module, _)| *module)
            .collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|module| drop(to.remove(module)));
    }
    let circle: Vec<_> = to
        .iter()
        .map(|(module, imports)| {
            let inside: Vec<_> = imports.iter().filter(|it| to.contains_key(*it)).collect();
            format!("{module} -> {inside:?}")
        })
        .collect();
    assert!(circle.is_empty(), "circles among:\n{}", circle.join("\n"));
}
