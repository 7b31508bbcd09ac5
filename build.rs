//! Builds again when a file of the database side comes or goes: it is embedded (`src/install`).

fn main() {
    println!("cargo:rerun-if-changed=sql/schema");
}
