//! Where ONNX Runtime's library is looked for.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The variable that names the library, as in every program that uses the `ort` binding.
pub(crate) const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The library: what [`VARIABLE`] names, else that of a Python package `onnxruntime` in the active environment, in the
/// interpreters on the path, in those of pyenv or of the user, else one that the system has. `variable` reads the
/// environment. Python is not run.
pub(super) fn library(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(named) = variable(VARIABLE).filter(|path| !path.is_empty()) {
        return Some(named.into());
    }
    let packages = prefixes(&variable)
        .into_iter()
        .flat_map(|prefix| packages(&prefix));
    let folders = packages.map(|folder| folder.join("onnxruntime/capi"));
    folders.chain(system()).find_map(|folder| newest(&folder))
}

/// Folders that a Python may be installed under, the most particular first.
fn prefixes(variable: &impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let path = |name| variable(name).map(PathBuf::from);
    let home = path("HOME");
    let mut prefixes: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(path)
        .collect();
    let on_path = variable("PATH").unwrap_or_default();
    // An environment's interpreter is a link to the one that it was made with: both have packages.
    let interpreters = std::env::split_paths(&on_path)
        .map(|folder| folder.join("python3"))
        .filter_map(|python| Some([python.canonicalize().ok()?, python]))
        .flat_map(|[linked, python]| [python, linked]);
    prefixes.extend(interpreters.filter_map(|python| Some(python.parent()?.parent()?.to_owned())));
    let pyenv = path("PYENV_ROOT").or_else(|| Some(home.as_ref()?.join(".pyenv")));
    if let Some(pyenv) = pyenv {
        prefixes.extend(children(&pyenv.join("versions")));
    }
    prefixes.extend(home.map(|home| home.join(".local")));
    prefixes.extend([PathBuf::from("/usr/local"), PathBuf::from("/usr")]);
    prefixes
}

/// Folders of Python packages under a prefix.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let is_python = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("python3")
    };
    children(&prefix.join("lib"))
        .into_iter()
        .filter(is_python)
        .flat_map(|python| [python.join("site-packages"), python.join("dist-packages")])
        .collect()
}

fn system() -> impl Iterator<Item = PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [
        "/usr/local/lib".to_owned(),
        multiarch,
        "/usr/lib".to_owned(),
    ]
    .into_iter()
    .map(PathBuf::from)
}

/// The library of a folder: `libonnxruntime.so`, also with a version behind it, or `libonnxruntime.dylib`. Of several
/// versions the greatest name.
fn newest(folder: &Path) -> Option<PathBuf> {
    let is_library = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libonnxruntime.") && (name.contains(".so") || name.ends_with(".dylib"))
    };
    children(folder).into_iter().rfind(is_library)
}

/// What is in a folder, in the order of the names; nothing where it cannot be read.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(prefix: &Path, file: &str) -> PathBuf {
        let folder = prefix.join("lib/python3.11/site-packages/onnxruntime/capi");
        std::fs::create_dir_all(&folder).unwrap();
        for other in ["libonnxruntime_providers_shared.so", "__init__.py"] {
            std::fs::write(folder.join(other), "").unwrap();
        }
        let path = folder.join(file);
        std::fs::write(&path, "").unwrap();
        path
    }

    #[test]
    fn what_the_variable_names_comes_first() {
        let root = tempfile::tempdir().unwrap();
        wheel(root.path(), "libonnxruntime.so.1.20.0");
        let found = library(|name| match name {
            VARIABLE => Some("/opt/own.so".into()),
            "VIRTUAL_ENV" => Some(root.path().into()),
            _ => None,
        });
        assert_eq!(found, Some("/opt/own.so".into()));
    }

    #[test]
    fn a_wheel_is_found_in_an_environment_on_the_path_and_under_pyenv() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for (variable, value, prefix) in [
            ("VIRTUAL_ENV", "venv", "venv"),
            ("CONDA_PREFIX", "conda", "conda"),
            ("PATH", "python/bin", "python"),
            ("PYENV_ROOT", "pyenv", "pyenv/versions/3.11.7"),
            ("HOME", "home", "home/.pyenv/versions/3.12.1"),
            ("HOME", "user", "user/.local"),
        ] {
            let expected = wheel(&root.join(prefix), "libonnxruntime.so.1.20.0");
            std::fs::create_dir_all(root.join(prefix).join("bin")).unwrap();
            std::fs::write(root.join(prefix).join("bin/python3"), "").unwrap();
            let found = library(|name| (name == variable).then(|| root.join(value).into()));
            assert_eq!(found, Some(expected), "{variable}");
        }
    }

    #[test]
    fn an_active_environment_comes_before_the_path() {
        let root = tempfile::tempdir().unwrap();
        let expected = wheel(&root.path().join("venv"), "libonnxruntime.so.1.20.0");
        wheel(&root.path().join("home/.local"), "libonnxruntime.so.1.21.0");
        let found = library(|name| match name {
            "VIRTUAL_ENV" => Some(root.path().join("venv").into()),
            "HOME" => Some(root.path().join("home").into()),
            _ => None,
        });
        assert_eq!(found, Some(expected));
    }
}
