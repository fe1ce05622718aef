//! The layout of `lib/src`: which folders there are, and that imports run one way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, LitStr, UseTree, VisRestricted, Visibility};

use super::collect;

/// A module: its path below the crate, such as `["bookings", "member"]`.
type Module = Vec<String>;

/// The folders and files of `lib/src`, each with the layer that it is in. A
/// module imports from its own layer and from those below, which have higher
/// numbers.
const LAYERS: [(&str, u8); 24] = [
    ("lib", 0),
    ("serve", 0),
    ("cleanup", 1),
    ("openapi", 1),
    ("admin", 2),
    ("bookings", 2),
    ("classes", 2),
    ("health", 2),
    ("identity", 2),
    ("notify", 2),
    ("partners", 2),
    ("payments", 2),
    ("reports", 2),
    ("http", 3),
    // What a process shares; everything above is given one.
    ("app", 4),
    ("session", 5),
    ("models", 6),
    ("store", 7),
    ("crypto", 8),
    ("error", 8),
    ("runtime", 8),
    ("values", 8),
    // Only tests use it.
    ("testing", 0),
    ("main", 0),
];

/// `App` holds the state of these features, so that it imports them. None of
/// these files imports `App`.
const STATE_OF_APP: [&str; 3] = ["notify", "payments", "identity"];

fn layer(module: &[String]) -> Option<u8> {
    let name = module.first().map_or("lib", String::as_str);
    let found = LAYERS.iter().find(|(layer, _)| *layer == name);
    found.map(|(_, number)| *number)
}

/// What one file imports and re-exports.
#[derive(Default)]
struct Imports {
    /// Full paths below the crate.
    paths: BTreeSet<Module>,
    /// The path of what is re-exported, by the name that it has here.
    reexports: BTreeMap<String, Module>,
    strings: Vec<String>,
}

/// Reads one file, without its tests.
struct Reader {
    module: Module,
    imports: Imports,
}

impl Reader {
    /// The path below the crate. One that leads to another crate leads here to
    /// a child that does not exist, and so to this file itself.
    fn resolve(&self, path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([&self.module, &path[1..]].concat()),
            "super" => {
                let parent = self.module.len().checked_sub(supers)?;
                Some([&self.module[..parent], &path[supers..]].concat())
            }
            // A child of this module, if there is one of that name.
            _ => Some([&self.module, path].concat()),
        }
    }

    fn read_tree(&mut self, tree: &UseTree, mut path: Module, is_public: bool) {
        let (name, last) = match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                return self.read_tree(&tree.tree, path, is_public);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_tree(tree, path.clone(), is_public);
                }
                return;
            }
            UseTree::Name(name) => (name.ident.to_string(), Some(name.ident.to_string())),
            UseTree::Rename(name) => (name.rename.to_string(), Some(name.ident.to_string())),
            UseTree::Glob(_) => (String::new(), None),
        };
        path.extend(last.filter(|last| last != "self"));
        let Some(path) = self.resolve(&path) else {
            return;
        };
        // A macro is exported under its own name, from its own module.
        let is_own_macro = path.len() == self.module.len() + 1 && path.last() == Some(&name);
        if is_public && !is_own_macro {
            self.imports.reexports.insert(name, path);
        } else {
            self.imports.paths.insert(path);
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let mut attributes = attributes.iter();
    attributes.any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.read_tree(&item.tree, Vec::new(), is_public);
    }

    // `pub(super)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts = path.segments.iter().map(|part| part.ident.to_string());
        if let Some(path) = self.resolve(&parts.collect::<Module>()) {
            self.imports.paths.insert(path);
        }
        visit::visit_path(self, path);
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.imports.strings.push(text.value());
    }
}

/// Every file of `lib/src`, by its module.
fn read_library() -> BTreeMap<Module, Imports> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("lib/src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let mut modules = BTreeMap::new();
    for file in files {
        let path = file.strip_prefix(&source).unwrap().with_extension("");
        let mut module: Module = path
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        if module == ["lib"] {
            module.clear();
        }
        let mut parsed = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
        parsed.items.retain(|item| match item {
            Item::Mod(item) => !is_test(&item.attrs),
            _ => true,
        });
        let mut reader = Reader {
            module: module.clone(),
            imports: Imports::default(),
        };
        reader.visit_file(&parsed);
        modules.insert(module, reader.imports);
    }
    modules
}

/// The file in which a path is defined, through all re-exports.
fn defining_file(modules: &BTreeMap<Module, Imports>, path: &[String]) -> Module {
    let mut path = path.to_vec();
    // More re-exports in a row than this would be a circle of them.
    for _ in 0..8 {
        let longest = (0..=path.len()).rev().map(|end| &path[..end]);
        let module = longest.into_iter().find(|part| modules.contains_key(*part));
        let module = module.unwrap_or_default().to_vec();
        let next = path.get(module.len());
        match next.and_then(|name| modules[&module].reexports.get(name)) {
            Some(target) => path = [target, &path[module.len() + 1..]].concat(),
            None => return module,
        }
    }
    panic!("{path:?} is re-exported in a circle");
}

/// The files that each file imports from, each with one of the imported paths.
fn imported_files(
    modules: &BTreeMap<Module, Imports>,
) -> BTreeMap<Module, BTreeMap<Module, String>> {
    let files = modules.iter().map(|(module, imports)| {
        let paths = imports.paths.iter();
        let mut files: BTreeMap<_, _> = paths
            .map(|path| (defining_file(modules, path), path.join("::")))
            .collect();
        files.remove(module);
        // Macros of the crate are named from its root.
        files.remove(&Vec::new());
        (module.clone(), files)
    });
    files.collect()
}

/// Read once for all tests.
static LIBRARY: LazyLock<BTreeMap<Module, Imports>> = LazyLock::new(read_library);

#[track_caller]
fn assert_none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn no_files_of_the_library_import_each_other_in_a_circle() {
    let imports = imported_files(&LIBRARY);
    let mut found = Vec::new();
    for (start, files) in &imports {
        for (file, path) in files {
            let mut reached = BTreeSet::new();
            let mut next = vec![file];
            while let Some(further) = next.pop() {
                if reached.insert(further) {
                    next.extend(imports[further].keys());
                }
            }
            if reached.contains(start) {
                let (from, to) = (start.join("::"), file.join("::"));
                found.push(format!(
                    "{from} imports {to} ({path}), which leads back to it"
                ));
            }
        }
    }
    assert_none(found);
}

#[test]
fn imports_run_from_features_down_to_tools() {
    let mut found = Vec::new();
    for (module, files) in imported_files(&LIBRARY) {
        if module.is_empty() {
            continue;
        }
        for (file, path) in files {
            let is_state = module == ["app"] && STATE_OF_APP.contains(&file[0].as_str());
            if layer(&module) > layer(&file) && !is_state {
                let (from, to) = (module.join("::"), file.join("::"));
                found.push(format!("{from} imports {to} ({path}), which is above it"));
            }
        }
    }
    assert_none(found);
}

#[test]
fn every_module_of_the_library_is_in_a_folder_of_the_tree() {
    let modules = LIBRARY.keys().filter(|module| layer(module).is_none());
    assert_none(modules.map(|module| module.join("::")).collect());
}

#[test]
fn models_know_neither_http_nor_the_app() {
    let mut found = Vec::new();
    for (module, imports) in &*LIBRARY {
        if module.first().is_none_or(|folder| folder != "models") {
            continue;
        }
        for path in &imports.paths {
            let first = path.first().map(String::as_str).unwrap_or_default();
            if ["http", "app", "App"].contains(&first) {
                found.push(format!("{} imports {}", module.join("::"), path.join("::")));
            }
        }
    }
    assert_none(found);
}

#[test]
fn sql_is_written_in_models_session_and_store_alone() {
    const BEGINNINGS: [&str; 4] = ["select ", "update ", "delete from ", "with "];
    let mut found = Vec::new();
    for (module, imports) in &*LIBRARY {
        let folder = module.first().map(String::as_str).unwrap_or_default();
        if ["models", "session", "store"].contains(&folder) {
            continue;
        }
        for text in &imports.strings {
            let text = text.trim_start();
            let begins = BEGINNINGS.iter().any(|word| text.starts_with(word));
            let goes_on = [" from ", " set ", "\n"]
                .iter()
                .any(|word| text.contains(word));
            if begins && goes_on || text.starts_with("insert into ") {
                found.push(format!("{} has SQL: {text}", module.join("::")));
            }
        }
    }
    assert_none(found);
}
