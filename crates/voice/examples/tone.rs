//! Reads texts from standard input, one a line, and prints what is made of each: how lexicons are checked by eye, and the speed.

fn main() {
    let lines: Vec<String> = std::io::stdin().lines().map_while(Result::ok).collect();
    for line in &lines {
        if let Some(said) = osusume_voice::read(line) {
            let flags =
                [('c', said.is_complaint), ('p', said.is_praise), ('l', said.is_leaving), ('u', said.is_urgent)];
            let flags: String = flags.iter().map(|(flag, is_so)| if *is_so { *flag } else { '.' }).collect();
            write(&format!("{:+.2}\t{flags}\t{}\t{}", said.sentiment, said.terms.join("|"), line));
        }
    }
}

fn write(line: &str) {
    use std::io::Write;
    writeln!(std::io::stdout(), "{line}").unwrap_or(());
}
