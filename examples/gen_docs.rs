//! Writes the generated manual pages to `man/`: `cargo run --example gen_docs`.

fn main() -> std::io::Result<()> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    std::fs::create_dir_all(&dir)?;
    for (name, text) in londiste::cli::docs::man_pages() {
        std::fs::write(dir.join(name), text)?;
    }
    Ok(())
}
