//! Processes die, freeze and lose their servers; afterwards both ends are equal.

mod history;
mod points;
mod stop;
mod tokens;
mod twins;
