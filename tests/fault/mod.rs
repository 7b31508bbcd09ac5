//! Processes die, freeze and lose their servers; afterwards both ends are equal.

mod cut;
mod history;
mod plans;
mod points;
mod ranges;
mod stop;
mod tokens;
mod twins;
