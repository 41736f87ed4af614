//! Compiles the C part. Cargo runs this program while it builds, so it must be
//! one for the machine that builds, even if all else is for another.

fn main() {
    println!("cargo::rerun-if-changed=adler.c");
    cc::Build::new().file("adler.c").compile("adler");
}
