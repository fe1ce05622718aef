//! Checks the folders of `lib/src` and the direction of its imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, LitStr, UseTree, VisRestricted, Visibility};

use super::collect_files;

/// The path of a module in the crate, such as `["bookings", "member"]`.
type Module = Vec<String>;

/// The layer of each folder and file of `lib/src`. A module imports from its own
/// layer and from those below, which have higher numbers.
const LAYERS: [(&str, u8); 26] = [
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
    ("shop", 2),
    ("studio", 2),
    ("http", 3),
    // The state that the requests of a process share.
    ("app", 4),
    ("session", 5),
    ("models", 6),
    ("store", 7),
    ("crypto", 8),
    ("error", 8),
    ("runtime", 8),
    ("values", 8),
    // Only tests import this module.
    ("testing", 0),
    ("main", 0),
];

/// The features whose state `App` holds. `App` may import them, although they are
/// in a layer above.
const FEATURES_IN_APP: [&str; 3] = ["notify", "payments", "identity"];

fn layer(module: &[String]) -> Option<u8> {
    let name = module.first().map_or("lib", String::as_str);
    let entry = LAYERS.iter().find(|(folder, _)| *folder == name);
    entry.map(|(_, number)| *number)
}

/// The imports, re-exports and strings of one file.
#[derive(Default)]
struct Imports {
    /// The imported paths, from the root of the crate.
    paths: BTreeSet<Module>,
    /// The original path of each re-export, by its name in this module.
    reexports: BTreeMap<String, Module>,
    /// The string literals, to find SQL.
    strings: Vec<String>,
}

/// Collects the imports of one file, without those of its tests.
struct ImportReader {
    module: Module,
    imports: Imports,
}

impl ImportReader {
    /// Resolves a path from the root of the crate. A path of another crate resolves to a child
    /// module that does not exist. `defining_file` then returns the importing module, which
    /// does not count as an import.
    fn resolve(&self, path: &[String]) -> Option<Module> {
        let super_count = path.iter().take_while(|part| *part == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([&self.module, &path[1..]].concat()),
            "super" => {
                let parent = self.module.len().checked_sub(super_count)?;
                Some([&self.module[..parent], &path[super_count..]].concat())
            }
            // A child of this module, or another crate.
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
        // A module re-exports its own macro under the same name.
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

impl<'ast> Visit<'ast> for ImportReader {
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

/// Reads the imports of every file of `lib/src`.
fn read_library() -> BTreeMap<Module, Imports> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("lib/src");
    let mut files = Vec::new();
    collect_files(&source, &mut files);
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
        let mut reader = ImportReader {
            module: module.clone(),
            imports: Imports::default(),
        };
        reader.visit_file(&parsed);
        modules.insert(module, reader.imports);
    }
    modules
}

/// Returns the file that defines a path; follows re-exports.
fn defining_file(modules: &BTreeMap<Module, Imports>, path: &[String]) -> Module {
    let mut path = path.to_vec();
    // A chain of eight or more re-exports is a circle.
    for _ in 0..8 {
        let prefixes = (0..=path.len()).rev().map(|end| &path[..end]);
        let module = prefixes
            .into_iter()
            .find(|prefix| modules.contains_key(*prefix));
        let module = module.unwrap_or_default().to_vec();
        let next_name = path.get(module.len());
        match next_name.and_then(|name| modules[&module].reexports.get(name)) {
            Some(target) => path = [target, &path[module.len() + 1..]].concat(),
            None => return module,
        }
    }
    panic!("{path:?} is re-exported in a circle");
}

/// Returns the files that each file imports, each with one of the imported paths.
fn imported_files(
    modules: &BTreeMap<Module, Imports>,
) -> BTreeMap<Module, BTreeMap<Module, String>> {
    let files = modules.iter().map(|(module, imports)| {
        let paths = imports.paths.iter();
        let mut files: BTreeMap<_, _> = paths
            .map(|path| (defining_file(modules, path), path.join("::")))
            .collect();
        files.remove(module);
        // Macros are imported from the root of the crate.
        files.remove(&Vec::new());
        (module.clone(), files)
    });
    files.collect()
}

/// The imports of the library, read once for all tests.
static LIBRARY: LazyLock<BTreeMap<Module, Imports>> = LazyLock::new(read_library);

#[track_caller]
fn assert_no_violations(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn no_files_of_the_library_import_each_other_in_a_circle() {
    let imports = imported_files(&LIBRARY);
    let mut violations = Vec::new();
    for (start, files) in &imports {
        for (file, path) in files {
            let mut reached = BTreeSet::new();
            let mut unvisited = vec![file];
            while let Some(imported) = unvisited.pop() {
                if reached.insert(imported) {
                    unvisited.extend(imports[imported].keys());
                }
            }
            if reached.contains(start) {
                let (from, to) = (start.join("::"), file.join("::"));
                violations.push(format!(
                    "{from} imports {to} ({path}), which leads back to it"
                ));
            }
        }
    }
    assert_no_violations(violations);
}

#[test]
fn modules_import_only_their_own_and_lower_layers() {
    let mut violations = Vec::new();
    for (module, files) in imported_files(&LIBRARY) {
        if module.is_empty() {
            continue;
        }
        for (file, path) in files {
            let is_feature_in_app =
                module == ["app"] && FEATURES_IN_APP.contains(&file[0].as_str());
            if layer(&module) > layer(&file) && !is_feature_in_app {
                let (from, to) = (module.join("::"), file.join("::"));
                violations.push(format!("{from} imports {to} ({path}), which is above it"));
            }
        }
    }
    assert_no_violations(violations);
}

#[test]
fn every_module_of_the_library_has_a_layer() {
    let modules = LIBRARY.keys().filter(|module| layer(module).is_none());
    assert_no_violations(modules.map(|module| module.join("::")).collect());
}

#[test]
fn models_import_neither_http_nor_the_app() {
    let mut violations = Vec::new();
    for (module, imports) in &*LIBRARY {
        if module.first().is_none_or(|folder| folder != "models") {
            continue;
        }
        for path in &imports.paths {
            let first_segment = path.first().map(String::as_str).unwrap_or_default();
            if ["http", "app", "App"].contains(&first_segment) {
                violations.push(format!("{} imports {}", module.join("::"), path.join("::")));
            }
        }
    }
    assert_no_violations(violations);
}

#[test]
fn only_models_session_and_store_contain_sql() {
    const FIRST_WORDS: [&str; 4] = ["select ", "update ", "delete from ", "with "];
    let mut violations = Vec::new();
    for (module, imports) in &*LIBRARY {
        let folder = module.first().map(String::as_str).unwrap_or_default();
        if ["models", "session", "store"].contains(&folder) {
            continue;
        }
        for text in &imports.strings {
            let text = text.trim_start();
            let starts_like_sql = FIRST_WORDS.iter().any(|word| text.starts_with(word));
            let continues_like_sql = [" from ", " set ", "\n"]
                .iter()
                .any(|word| text.contains(word));
            if starts_like_sql && continues_like_sql || text.starts_with("insert into ") {
                violations.push(format!("{} has SQL: {text}", module.join("::")));
            }
        }
    }
    assert_no_violations(violations);
}
