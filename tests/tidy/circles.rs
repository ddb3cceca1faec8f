//! No file uses another one that uses it in turn, however many files lie between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{MAY_USE, sources};

/// A module's path below the crate: `src/store/mysql/mod.rs` is `[store, mysql]`.
type Module = Vec<String>;

/// What a file imports, and what else it names by a path.
#[derive(Default)]
struct Names {
    imports: Vec<Import>,
    paths: Vec<Vec<String>>,
}

struct Import {
    path: Vec<String>,
    /// Its name in the file.
    name: String,
    /// It is a re-export: whoever uses it is taken to use what it stands for.
    is_reexport: bool,
}

/// All modules, and what each of them names.
struct Tree(BTreeMap<Module, Names>);

impl Tree {
    fn new<'a>(files: impl IntoIterator<Item = (&'a Path, &'a str)>) -> Tree {
        let names = |(path, text)| Some((module(path)?, Names::read(text)));
        Tree(files.into_iter().filter_map(names).collect())
    }

    /// The modules that each one uses. What is below a module is part of it, so it may use that and
    /// be used by it.
    fn uses(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let of = |module: &Module, names: &Names| {
            let imports = names.imports.iter().filter(|import| !import.is_reexport);
            let paths = imports.map(|import| &import.path).chain(&names.paths);
            paths
                .filter_map(|path| self.find(&self.absolute(module, path)?, 0))
                .filter(|used| !used.starts_with(module))
                .collect()
        };
        let modules = self.0.iter();
        modules
            .map(|(module, names)| (module.clone(), of(module, names)))
            .collect()
    }

    /// A path as written in a module, from the crate on; `None` where it leads out of it.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let above = module.len().checked_sub(supers)?;
                Some([&module[..above], &path[supers..]].concat())
            }
            _ => {
                let below = [module, std::slice::from_ref(first)].concat();
                if self.0.contains_key(&below) {
                    return Some([module, path].concat());
                }
                let imports = &self.0.get(module)?.imports;
                let import = imports.iter().find(|import| import.name == *first)?;
                // For an imported item the import itself is counted.
                let is_path = import.path.first().is_some_and(|name| name != first);
                let path = [&import.path, rest].concat();
                is_path.then(|| self.absolute(module, &path)).flatten()
            }
        }
    }

    /// The module that defines an item, even if others re-export it.
    fn find(&self, path: &[String], depth: usize) -> Option<Module> {
        let is_module = |length: &usize| self.0.contains_key(&path[..*length]);
        let length = (1..=path.len()).take_while(is_module).last()?;
        let (module, item) = path.split_at(length);
        let module = module.to_vec();
        let elsewhere = item.split_first().filter(|_| depth < 8);
        let elsewhere = elsewhere.and_then(|(name, rest)| {
            let imports = &self.0.get(&module)?.imports;
            let import = imports.iter().find(|import| import.name == *name)?;
            let path = self.absolute(&module, &import.path)?;
            self.find(&[path, rest.to_vec()].concat(), depth + 1)
        });
        Some(elsewhere.unwrap_or(module))
    }
}

impl Names {
    fn read(text: &str) -> Names {
        let tokens = tokens(text);
        let mut names = Names::default();
        let mut at = 0;
        while at < tokens.len() {
            let before = |back: usize| at.checked_sub(back).map(|at| tokens[at]);
            // `use<'a>` is a bound.
            if tokens[at] == "use" && tokens.get(at + 1) != Some(&"<") {
                let end = tokens[at..].iter().position(|token| *token == ";");
                let end = at + end.expect("a use ends");
                let is_reexport = matches!(before(1), Some("pub" | ")"));
                let mut tree = &tokens[at + 1..end];
                import(&mut tree, &[], is_reexport, &mut names.imports);
                at = end;
            } else if is_name(tokens[at]) && tokens.get(at + 1) == Some(&"::") {
                let from = at;
                while tokens.get(at + 1) == Some(&"::")
                    && tokens.get(at + 2).is_some_and(is_name_of)
                {
                    at += 2;
                }
                // pub(in a::path) uses nothing.
                let is_scope = from >= 2 && tokens[from - 2..from] == ["(", "in"];
                if !is_scope {
                    let path = tokens[from..=at].iter().step_by(2);
                    names
                        .paths
                        .push(path.map(|name| (*name).to_owned()).collect());
                }
            }
            at += 1;
        }
        names
    }
}

/// Reads the tree of a `use`.
fn import(tree: &mut &[&str], above: &[String], is_reexport: bool, imports: &mut Vec<Import>) {
    let mut path = above.to_vec();
    while let Some((&token, rest)) = tree.split_first() {
        match token {
            "::" => *tree = rest,
            "{" => {
                *tree = rest;
                while let Some(token) = tree.first() {
                    match *token {
                        "}" => break,
                        "," => *tree = &tree[1..],
                        _ => import(tree, &path, is_reexport, imports),
                    }
                }
                *tree = &tree[1..];
                return;
            }
            "," | "}" => break,
            "as" => {
                let name = rest.first().expect("a name after as");
                *tree = &rest[1..];
                imports.push(Import {
                    path,
                    name: (*name).to_owned(),
                    is_reexport,
                });
                return;
            }
            // `self` in a list is the module before it.
            "self" if !path.is_empty() => *tree = rest,
            name => {
                path.push(name.to_owned());
                *tree = rest;
            }
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    imports.push(Import {
        path,
        name,
        is_reexport,
    });
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_name_of(token: &&str) -> bool {
    is_name(token)
}

/// Words, `::`, and all other characters by themselves, without comments and literals.
fn tokens(code: &str) -> Vec<&str> {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while !rest.is_empty() {
        let skipped = literal(rest);
        let length = match rest.find(|c| !is_of_word(c)) {
            _ if skipped > 0 => skipped,
            Some(0) if rest.starts_with("::") => 2,
            Some(0) => rest.chars().next().map_or(1, char::len_utf8),
            Some(length) => length,
            None => rest.len(),
        };
        if skipped == 0 {
            tokens.push(&rest[..length]);
        }
        rest = rest[length..].trim_start();
    }
    tokens
}

/// The bytes of the comment or literal that this begins with.
fn literal(code: &str) -> usize {
    let until = |from: usize, end: &str| match code[from..].find(end) {
        Some(at) => from + at + end.len(),
        None => code.len(),
    };
    let raw = code
        .strip_prefix('r')
        .map(|code| code.trim_start_matches('#'));
    match code.as_bytes() {
        [b'/', b'/', ..] => until(0, "\n"),
        [b'r', b'#' | b'"', ..] if raw.is_some_and(|code| code.starts_with('"')) => {
            let marks = code.len() - raw.map_or(0, str::len) - 1;
            until(marks + 2, &format!("\"{}", "#".repeat(marks)))
        }
        [b'"', text @ ..] => {
            let mut escaped = false;
            let end = text.iter().position(|byte| {
                let is_end = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                is_end
            });
            end.map_or(code.len(), |end| end + 2)
        }
        [b'\'', b'\\', ..] => until(3, "'"),
        // Anything else after a quote is a lifetime.
        [b'\'', ..] => match code.char_indices().nth(2) {
            Some((end, '\'')) => end + 1,
            _ => 1,
        },
        _ => 0,
    }
}

/// `None` for the crate's own file, which only lists the others.
fn module(path: &Path) -> Option<Module> {
    let path = path.with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    let mut module: Module = names.collect();
    match module.last()?.as_str() {
        "mod" => drop(module.pop()),
        "lib" | "main" if module.len() == 1 => return None,
        _ => {}
    }
    Some(module)
}

/// One of the circles, from the first that is met again up to itself.
fn circle<T: Ord + Clone>(uses: &BTreeMap<T, BTreeSet<T>>) -> Vec<T> {
    let mut left: BTreeSet<&T> = uses.keys().collect();
    // What uses nothing that is left is in no circle.
    loop {
        let in_none = |one: &&T| !uses[*one].iter().any(|used| left.contains(used));
        let free: Vec<&T> = left.iter().copied().filter(in_none).collect();
        if free.is_empty() {
            break;
        }
        left.retain(|one| !free.contains(one));
    }
    let mut way: Vec<T> = Vec::new();
    let mut next = left.first().copied();
    while let Some(one) = next {
        let met = way.iter().position(|known| known == one);
        way.push(one.clone());
        if let Some(met) = met {
            return way.split_off(met);
        }
        next = uses[one].iter().find(|used| left.contains(used));
    }
    way
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let sources = sources();
    let files = sources.iter();
    let tree = Tree::new(files.map(|(path, (_, text))| (path.as_path(), text.as_str())));
    let uses = tree.uses();
    let edges: usize = uses.values().map(BTreeSet::len).sum();
    assert!(edges > 300, "only {edges} uses are seen");
    let circle: Vec<String> = circle(&uses).iter().map(|path| path.join("::")).collect();
    assert!(circle.is_empty(), "{}", circle.join(" -> "));
}

#[test]
fn the_allowed_directions_have_no_circle() {
    let uses = MAY_USE.map(|(part, others)| (part, others.iter().copied().collect()));
    let circle = circle(&uses.into());
    assert!(circle.is_empty(), "{circle:?}");
}

#[test]
fn circles_are_seen_however_they_are_written() {
    let seen = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(path, text)| (Path::new(path), *text));
        let circle = circle(&Tree::new(files).uses());
        let names: Vec<String> = circle.iter().map(|path| path.join("::")).collect();
        names.join(" ")
    };
    let part = ("part/mod.rs", "mod a; mod b; pub use b::{B, C as D};");
    let a = |text| seen(&[part, ("part/a.rs", text), ("part/b.rs", "use super::a::A;")]);
    let both = "part::a part::b part::a";
    for text in [
        "use super::b::B;",
        "use super::B;",
        "use crate::part::{D, other};",
        "use std::fmt;\nuse crate::{part::{self, a::A}, x}; fn f() { part::B::new() }",
        "use super::b; fn f() { b::new() }",
        "fn f() { for b in super::b::all() {} }",
        "pub(super) fn f(b: &crate::part::b::B) {}",
        "pub fn f(b: &super::D) {}",
        r##"fn f<'a>() { ["\\"", r#"""#]; ['"', '\\'']; super::B } // it's"##,
    ] {
        assert_eq!(a(text), both, "{text}");
    }
    for text in [
        "use super::a::A;",
        "// use super::b::B;",
        "pub(in crate::part::b) fn f() {}",
        "use b::B; fn f() { b::g(); std::b::g() }",
        r##"fn f() { "use super::b;"; r#"" super::b::B"# }"##,
    ] {
        assert_eq!(a(text), "", "{text}");
    }
}
