//! Which job file a command uses when none is named.

use std::path::{Path, PathBuf};

use crate::config::ini::IniFile;
use crate::config::londiste::SERVICE;
use crate::error::{Error, Result};

/// Where job files live.
pub const CONFIG_DIR: &str = "/etc/skytools";

/// The job file to use: `explicit`, else `LONDISTE_CONFIG`, else `londiste.ini` in `/etc/skytools` (or in the directory
/// that `LONDISTE_CONFIG_DIR` names), else the only file there that has a section `[londiste]`.
pub fn find_ini(explicit: Option<&Path>) -> Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    };
    let dir = variable("LONDISTE_CONFIG_DIR").unwrap_or_else(|| PathBuf::from(CONFIG_DIR));
    find_ini_in(explicit, variable("LONDISTE_CONFIG").as_deref(), &dir)
}

/// As [`find_ini`], with the environment as arguments.
pub fn find_ini_in(explicit: Option<&Path>, variable: Option<&Path>, dir: &Path) -> Result<PathBuf> {
    if let Some(path) = explicit.or(variable) {
        return Ok(path.to_owned());
    }
    let named = dir.join("londiste.ini");
    if named.is_file() {
        return Ok(named);
    }
    let mut found = Vec::new();
    let mut broken = Vec::new();
    for path in ini_files(dir)? {
        match IniFile::parse(&path) {
            Ok(file) if file.find_section(SERVICE).is_some() => found.push(path),
            Ok(_) => {}
            Err(error) => broken.push(error.message().to_owned()),
        }
    }
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let dir = dir.display();
    let error = if found.is_empty() {
        Error::config(format!(
            "no job file: {dir} has no londiste.ini and no other ini file with a section [londiste]"
        ))
        .with_hint("name one with --config FILE or in LONDISTE_CONFIG; \"londiste --ini\" prints a sample")
    } else {
        let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        Error::config(format!(
            "several job files in {dir} have a section [londiste]: which one is meant?"
        ))
        .with_detail(names.join(", "))
        .with_hint("name one with --config FILE or in LONDISTE_CONFIG")
    };
    Err(broken.into_iter().fold(error, |error, text| {
        error.with_hint(format!("not looked into: {text}"))
    }))
}

/// Files `*.ini` in `dir`, sorted; none when there is no such directory.
fn ini_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Error::config(format!(
                "directory {} cannot be read: {error}",
                dir.display()
            )));
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ini") && path.is_file())
        .collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_places() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
        let find = || find_ini_in(None, None, dir);

        let none = find().unwrap_err();
        assert!(none.message().starts_with("no job file: "), "{none}");

        write("pgqd.ini", "[pgqd]\n");
        write("broken.ini", "[londiste\n");
        write("shop.ini", "[londiste]\n");
        assert_eq!(find().unwrap(), dir.join("shop.ini"));

        write("other.ini", "[londiste]\n");
        let several = find().unwrap_err();
        let names = format!("{0}/other.ini, {0}/shop.ini", dir.display());
        assert_eq!(several.detail(), Some(names.as_str()));
        assert_eq!(several.hints().len(), 2);
        assert!(several.hints()[1].starts_with("not looked into: "));

        write("londiste.ini", "");
        assert_eq!(find().unwrap(), dir.join("londiste.ini"));
        let (a, b) = (Path::new("a.ini"), Path::new("b.ini"));
        assert_eq!(find_ini_in(Some(a), Some(b), dir).unwrap(), a);
        assert_eq!(find_ini_in(None, Some(b), dir).unwrap(), b);
    }
}
