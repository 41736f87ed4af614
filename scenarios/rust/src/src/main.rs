//! tally: counts what it reads.

mod count;
mod version;

use std::io::{self, Read};
use std::process::ExitCode;

use count::Count;
use lexopt::prelude::*;

const HELP: &str = "usage: tally [--sum | --version] < FILE

  --sum      the checksum only
  --version  the build, and the machine that it is for";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tally: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), lexopt::Error> {
    let mut sum_only = false;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("sum") => sum_only = true,
            Long("version") => {
                println!("tally {} {}", version::BUILD, version::MACHINE);
                return Ok(());
            }
            Short('h') | Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            _ => return Err(argument.unexpected()),
        }
    }

    let count = read(io::stdin().lock()).map_err(|error| format!("cannot read: {error}"))?;
    if sum_only {
        println!("{:08x}", count.sum);
    } else {
        println!(
            "{} lines, {} words, {} bytes, sum {:08x}",
            count.lines, count.words, count.bytes, count.sum
        );
    }
    Ok(())
}

fn read(mut input: impl Read) -> io::Result<Count> {
    let mut count = Count::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match input.read(&mut chunk)? {
            0 => return Ok(count),
            length => count.add(&chunk[..length]),
        }
    }
}
