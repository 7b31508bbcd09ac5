//! From a connection string to everything that a connection needs.
//!
//! Order of precedence, as in libpq: connection string, service file, environment, defaults; the passfile last, per
//! host, and only where no password was given.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::conninfo::keyword::KEYWORDS;
use super::settings::{Settings, invalid};
use super::tls::TlsSettings;
use super::{ConnInfo, passfile, service_file};
use crate::error::{Error, Result};

const DEFAULT_PORT: u16 = 5432;
const SOCKET_DIRS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The process around a connection string: environment, home directory, operating system user.
pub(super) struct Surroundings {
    vars: HashMap<String, String>,
    home: Option<PathBuf>,
    user: Option<String>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Surroundings {
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("PG") || name == "HOME")
            .collect::<HashMap<_, _>>();
        let account = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
        let home = vars
            .get("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from);
        Surroundings {
            home: home.or_else(|| account.as_ref().map(|a| a.dir.clone())),
            user: account.map(|a| a.name),
            vars,
        }
    }

    /// Made up ones.
    #[cfg(test)]
    pub fn fixed(vars: &[(&str, &str)], home: Option<&Path>) -> Surroundings {
        Surroundings {
            vars: vars
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            home: home.map(Path::to_owned),
            user: Some("osuser".to_owned()),
        }
    }

    /// An environment variable that is set.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// The home directory.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }
}

/// The parameters after all sources were looked at.
pub(super) struct Params(HashMap<&'static str, String>);

impl Params {
    /// The value, also an empty one.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value, unless it is empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|v| !v.is_empty())
    }

    /// The value as a whole number.
    pub fn number(&self, key: &str) -> Result<Option<i32>> {
        self.text(key)
            .map(|v| v.trim().parse().map_err(|_| invalid(key, v, "a whole number")))
            .transpose()
    }

    /// The value as seconds; zero and less mean "not given".
    pub fn seconds(&self, key: &str) -> Result<Option<Duration>> {
        Ok(self
            .number(key)?
            .filter(|n| *n > 0)
            .map(|n| Duration::from_secs(n as u64)))
    }

    /// The value as one of some words.
    pub fn word<T: Copy>(&self, key: &str, default: T, words: &[(&str, T)]) -> Result<T> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        words
            .iter()
            .find(|(word, _)| *word == value)
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| {
                let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                invalid(key, value, &allowed.join(", "))
            })
    }

    fn collect(info: &ConnInfo, surroundings: &Surroundings) -> Result<Params> {
        let mut map: HashMap<&'static str, String> = HashMap::new();
        for (keyword, value) in info.params() {
            map.insert(keyword.name, value.to_owned());
        }
        let service = map
            .get("service")
            .map(String::as_str)
            .or(surroundings.var("PGSERVICE"));
        if let Some(service) = service.filter(|s| !s.is_empty()).map(str::to_owned) {
            let file = map
                .get("servicefile")
                .map(String::as_str)
                .or(surroundings.var("PGSERVICEFILE"));
            for (keyword, value) in service_file::load(&service, file, surroundings)? {
                map.entry(keyword.name).or_insert(value);
            }
        }
        for keyword in KEYWORDS {
            if let Some(value) = keyword.env.and_then(|name| surroundings.var(name)) {
                map.entry(keyword.name).or_insert_with(|| value.to_owned());
            }
        }
        // The spelling of 2002: only 1 says something, and only where nothing newer does.
        if map.get("requiressl").is_some_and(|v| v == "1") {
            map.entry("sslmode").or_insert_with(|| "require".to_owned());
        }
        Ok(Params(map))
    }
}

/// Where one server is.
#[derive(Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Name, address, or socket directory (starts with `/` or `@`).
    pub host: String,
    /// Address that saves the look-up of the name.
    pub addr: Option<IpAddr>,
    /// TCP port or number of the socket.
    pub port: u16,
    pub(super) password: Option<String>,
    pub(super) password_from: Option<PathBuf>,
}

impl HostEntry {
    /// Whether `host` is the directory of a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.addr.is_none() && self.host.starts_with(['/', '@'])
    }
}

impl fmt::Debug for HostEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password.is_some() {
            " password=***"
        } else {
            ""
        };
        write!(f, "{}:{}{password}", self.host, self.port)
    }
}

/// Everything that a connection needs.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The servers, in the order in which they are tried.
    pub hosts: Vec<HostEntry>,
    /// Role name.
    pub user: String,
    /// Database name.
    pub dbname: String,
    pub(super) settings: Settings,
    pub(super) tls: TlsSettings,
    /// `PGTZ`, which libpq turns into a session setting.
    pub(super) time_zone: Option<String>,
}

impl Resolved {
    pub(super) fn new(info: &ConnInfo, surroundings: &Surroundings) -> Result<Resolved> {
        let params = Params::collect(info, surroundings)?;
        let user = match (params.get("user"), &surroundings.user) {
            (Some(user), _) if !user.is_empty() => user.to_owned(),
            (_, Some(user)) => user.clone(),
            _ => {
                return Err(Error::config("no role name is known for the connection")
                    .with_hint("add user=... to the connection string: the operating system has no name for this user"));
            }
        };
        let dbname = params.text("dbname").unwrap_or(&user).to_owned();
        let mut hosts = host_entries(&params)?;
        fill_passwords(&mut hosts, &params, surroundings, &dbname, &user);
        Ok(Resolved {
            settings: Settings::new(&params)?,
            tls: TlsSettings::new(&params, surroundings)?,
            time_zone: surroundings
                .var("PGTZ")
                .filter(|tz| !tz.is_empty())
                .map(str::to_owned),
            hosts,
            user,
            dbname,
        })
    }
}

fn host_entries(params: &Params) -> Result<Vec<HostEntry>> {
    let list = |key: &str| -> Vec<String> {
        params
            .text(key)
            .map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let (hosts, addrs, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = if addrs.is_empty() {
        hosts.len().max(1)
    } else {
        addrs.len()
    };
    if !addrs.is_empty() && !hosts.is_empty() && hosts.len() != addrs.len() {
        return Err(mismatch(addrs.len(), "hostaddr value", hosts.len()));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(mismatch(ports.len(), "port number", count));
    }
    (0..count)
        .map(|i| {
            let port = match ports
                .get(if ports.len() == 1 { 0 } else { i })
                .map(String::as_str)
            {
                None | Some("") => DEFAULT_PORT,
                Some(text) => text
                    .parse()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| invalid("port", text, "a number from 1 to 65535"))?,
            };
            let addr = match addrs.get(i).map(String::as_str) {
                None | Some("") => None,
                Some(text) => Some(
                    text.parse()
                        .map_err(|_| invalid("hostaddr", text, "an IPv4 or IPv6 address"))?,
                ),
            };
            let host = match hosts.get(i).map(String::as_str) {
                Some(host) if !host.is_empty() => host.to_owned(),
                _ if addr.is_some() => String::new(),
                _ => default_socket_dir(port),
            };
            Ok(HostEntry {
                host,
                addr,
                port,
                password: None,
                password_from: None,
            })
        })
        .collect()
}

fn mismatch(count: usize, what: &str, hosts: usize) -> Error {
    let (s, verb) = if count == 1 { ("", "does") } else { ("s", "do") };
    let host_s = if hosts == 1 { "" } else { "s" };
    Error::config(format!("{count} {what}{s} {verb} not match {hosts} host{host_s}"))
        .with_hint("give one for all, or one for each host, separated by commas")
}

/// Debian's directory or the one of a build from source: first where a server listens, then which exists.
fn default_socket_dir(port: u16) -> String {
    let listens = |dir: &&&str| Path::new(dir).join(format!(".s.PGSQL.{port}")).exists();
    let found = SOCKET_DIRS
        .iter()
        .find(listens)
        .or_else(|| SOCKET_DIRS.iter().find(|dir| Path::new(dir).is_dir()));
    found.unwrap_or(&SOCKET_DIRS[0]).to_string()
}

fn fill_passwords(
    hosts: &mut [HostEntry],
    params: &Params,
    surroundings: &Surroundings,
    dbname: &str,
    user: &str,
) {
    if let Some(password) = params.text("password") {
        for host in hosts {
            host.password = Some(password.to_owned());
        }
        return;
    }
    let path = match params.text("passfile") {
        Some(path) => PathBuf::from(path),
        None => match surroundings.home() {
            Some(home) => home.join(".pgpass"),
            None => return,
        },
    };
    let Some(text) = passfile::load(&path) else { return };
    for host in hosts {
        let addr = host.addr.map(|a| a.to_string()).unwrap_or_default();
        let name = match host.host.as_str() {
            "" => addr.as_str(),
            dir if SOCKET_DIRS.contains(&dir) => "localhost",
            name => name,
        };
        host.password = passfile::find(&text, name, &host.port.to_string(), dbname, user);
        host.password_from = host.password.is_some().then(|| path.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn resolve(text: &str, vars: &[(&str, &str)], home: Option<&Path>) -> Resolved {
        ConnInfo::parse(text)
            .unwrap()
            .resolve_in(&Surroundings::fixed(vars, home))
            .unwrap()
    }

    #[test]
    fn defaults() {
        let r = resolve("", &[], None);
        assert_eq!((r.user.as_str(), r.dbname.as_str()), ("osuser", "osuser"));
        assert_eq!(r.hosts.len(), 1);
        assert!(r.hosts[0].is_socket());
        assert_eq!(r.hosts[0].port, 5432);
    }

    #[test]
    fn text_wins_over_service_over_environment() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join(".pg_service.conf"),
            "[shop]\nhost=svc\nport=1111\ndbname=sdb\n",
        )
        .unwrap();
        let vars = [
            ("PGPORT", "2222"),
            ("PGUSER", "envuser"),
            ("PGHOST", "envhost"),
            ("PGSERVICE", "other"),
        ];
        let r = resolve("service=shop dbname=mine", &vars, Some(dir.path()));
        assert_eq!(format!("{:?}", r.hosts), "[svc:1111]");
        assert_eq!((r.user.as_str(), r.dbname.as_str()), ("envuser", "mine"));
        let r = resolve("host=h", &vars[..2], None);
        assert_eq!(format!("{:?} {}", r.hosts, r.dbname), "[h:2222] envuser");
        let gone = ConnInfo::parse("service=none")
            .unwrap()
            .resolve_in(&Surroundings::fixed(
                &[("PGSYSCONFDIR", "/nonexistent")],
                Some(dir.path()),
            ));
        assert_eq!(
            gone.unwrap_err().message(),
            "definition of service \"none\" not found"
        );
    }

    #[test]
    fn several_hosts() {
        let r = resolve("host=a,/run/x,,c port=1,2,,4 hostaddr=,,10.0.0.1,::1", &[], None);
        assert_eq!(
            r.hosts.iter().map(|h| h.port).collect::<Vec<_>>(),
            [1, 2, 5432, 4]
        );
        assert_eq!(r.hosts[1].host, "/run/x");
        assert!(r.hosts[1].is_socket() && !r.hosts[2].is_socket());
        assert_eq!(r.hosts[3].addr, Some("::1".parse().unwrap()));
        let r = resolve("host=a,b port=7", &[], None);
        assert_eq!(format!("{:?}", r.hosts), "[a:7, b:7]");
    }

    #[test]
    fn passwords_come_from_the_passfile_last() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".pgpass");
        fs::write(
            &path,
            "a:5432:d:u:pa\nlocalhost:5432:d:u:pl\n10.0.0.1:5432:d:u:pi\n",
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let passwords = |text: &str, vars: &[(&str, &str)]| -> Vec<Option<String>> {
            resolve(text, vars, Some(dir.path()))
                .hosts
                .into_iter()
                .map(|h| h.password)
                .collect()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            passwords("host=a,/var/run/postgresql,zz user=u dbname=d", &[]),
            [some("pa"), some("pl"), None]
        );
        assert_eq!(passwords("hostaddr=10.0.0.1 user=u dbname=d", &[]), [some("pi")]);
        assert_eq!(
            passwords("host=a user=u dbname=d", &[("PGPASSWORD", "env")]),
            [some("env")]
        );
        assert_eq!(
            passwords("host=a user=u dbname=d password=x", &[("PGPASSWORD", "env")]),
            [some("x")]
        );
        assert_eq!(
            passwords("host=a user=u dbname=d passfile=/nonexistent", &[]),
            [None]
        );
    }
}
