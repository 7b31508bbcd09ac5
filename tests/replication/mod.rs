//! Whole cascades with real programs: tables join, change and leave while others replay.

mod load;
mod owner;
mod position;
