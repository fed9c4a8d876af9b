use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=TINYZ_DIR");
    if let Ok(dir) = env::var("TINYZ_DIR") {
        println!("cargo:rustc-link-search=native={dir}/lib");
        return;
    }
    if let Ok(out) = Command::new("pkg-config").args(["--libs", "tinyz"]).output() {
        if out.status.success() {
            println!("cargo:rustc-link-lib=tinyz");
            return;
        }
    }
    let out_dir = env::var("OUT_DIR").unwrap();
    let cc = env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(cc).args(["-c", "src/tinyz.c", "-o"]).arg(format!("{out_dir}/tinyz.o")).status();
    assert!(status.map(|s| s.success()).unwrap_or(false), "a C compiler is needed");
}
