//! A TCP proxy before a server that cuts connections at chosen moments: above all between a COMMIT and its answer, when
//! the client cannot know what became of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use super::Cluster;

/// What is to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Pass,
    /// The answers to so many COMMITs are swallowed, and their connections cut.
    CutAnswers(u32),
    /// The answer to the next COMMIT is kept.
    HoldAnswer,
    /// The connection of the message after so many others is cut.
    CutAfter(u64),
}

struct State {
    order: Order,
    is_holding: bool,
    cuts: u32,
    streams: Vec<TcpStream>,
    ended: bool,
}

/// A proxy on a port of its own; it ends when dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Proxy {
    /// A proxy before `server` that passes everything.
    pub fn start(server: &Cluster) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
        let port = listener.local_addr().expect("an address").port();
        let state = State {
            order: Order::Pass,
            is_holding: false,
            cuts: 0,
            streams: Vec::new(),
            ended: false,
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let (target, theirs) = (server.port(), shared.clone());
        thread::spawn(move || accept(&listener, target, &theirs));
        Proxy { port, shared }
    }

    /// A connection string for `db` through the proxy.
    pub fn connstr(&self, db: &str) -> String {
        format!(
            "host=127.0.0.1 port={} dbname='{db}' user=postgres sslmode=disable",
            self.port
        )
    }

    /// The next `count` COMMITs are carried out, but their clients do not hear of it: their connections end.
    pub fn cut_answers(&self, count: u32) {
        self.give(Order::CutAnswers(count));
    }

    /// The next COMMIT is carried out, its client waits; see [`Proxy::wait_holding`] and [`Proxy::cut`].
    pub fn hold_answer(&self) {
        self.give(Order::HoldAnswer);
    }

    /// After so many messages of the server one connection is cut.
    pub fn cut_after(&self, messages: u64) {
        self.give(Order::CutAfter(messages));
    }

    /// From here on everything passes.
    pub fn pass(&self) {
        self.give(Order::Pass);
    }

    /// Waits until an answer is held.
    pub fn wait_holding(&self) {
        let (mutex, changed) = &*self.shared;
        let state = mutex.lock().expect("a lock");
        let (state, timed_out) = changed
            .wait_timeout_while(state, super::cascade::LIMIT, |state| !state.is_holding)
            .expect("a lock");
        drop(state);
        assert!(!timed_out.timed_out(), "nobody committed anything");
    }

    /// Ends all connections.
    pub fn cut(&self) {
        let mut state = self.lock();
        state.is_holding = false;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.1.notify_all();
    }

    /// How many connections were cut by an order.
    pub fn cuts(&self) -> u32 {
        self.lock().cuts
    }

    fn give(&self, order: Order) {
        self.lock().order = order;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().expect("a lock")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.lock().ended = true;
        self.cut();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn accept(listener: &TcpListener, target: u16, shared: &Arc<(Mutex<State>, Condvar)>) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
            continue;
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("set an option of a socket");
        }
        let copy = |stream: &TcpStream| stream.try_clone().expect("another handle of a socket");
        {
            let mut state = shared.0.lock().expect("a lock");
            if state.ended {
                return;
            }
            state.streams.extend([copy(&client), copy(&server)]);
        }
        let (mut from, mut to) = (copy(&client), copy(&server));
        let requests = shared.clone();
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            // While an answer is held the server does not notice that the client is gone.
            let (mutex, changed) = &*requests;
            let state = mutex.lock().expect("a lock");
            drop(changed.wait_while(state, |state| state.is_holding && !state.ended));
            let _ = to.shutdown(Shutdown::Both);
        });
        let answers = shared.clone();
        thread::spawn(move || {
            let _ = pass_answers(server, &client, &answers);
            let _ = client.shutdown(Shutdown::Both);
        });
    }
}

/// Passes message after message: one byte that says what it is, four for its length with themselves (PostgreSQL manual,
/// "Message Formats").
fn pass_answers(
    mut server: TcpStream,
    mut client: &TcpStream,
    shared: &(Mutex<State>, Condvar),
) -> std::io::Result<()> {
    loop {
        let mut message = vec![0; 5];
        server.read_exact(&mut message)?;
        let length = u32::from_be_bytes([message[1], message[2], message[3], message[4]]) as usize;
        message.resize(1 + length, 0);
        server.read_exact(&mut message[5..])?;
        let is_commit = message[0] == b'C' && message[5..].starts_with(b"COMMIT\0");
        if judge(is_commit, shared) {
            server.shutdown(Shutdown::Both)?;
            return Ok(());
        }
        client.write_all(&message)?;
    }
}

/// Whether the connection ends here.
fn judge(is_commit: bool, (mutex, changed): &(Mutex<State>, Condvar)) -> bool {
    let mut state = mutex.lock().expect("a lock");
    match state.order {
        Order::CutAnswers(count) if is_commit && count > 0 => {
            state.order = Order::CutAnswers(count - 1);
        }
        Order::HoldAnswer if is_commit => {
            state.order = Order::Pass;
            state.is_holding = true;
            changed.notify_all();
            drop(changed.wait_while(state, |state| state.is_holding && !state.ended));
            return true;
        }
        Order::CutAfter(0) => state.order = Order::Pass,
        Order::CutAfter(messages) => {
            state.order = Order::CutAfter(messages - 1);
            return false;
        }
        _ => return false,
    }
    state.cuts += 1;
    true
}
