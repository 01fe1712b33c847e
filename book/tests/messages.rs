//! What the chapter on troubleshooting quotes is what the programs print.
#![allow(clippy::unwrap_used)] // tests

use std::fs;
use std::path::Path;

/// The texts of the sources, with strings that go on in the next line put together.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            for line in source.lines() {
                let line = line.trim();
                match line.strip_suffix('\\') {
                    Some(begun) => text.push_str(begun),
                    None => {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
            }
        }
    }
}

/// What a text quotes as printed: bold code.
fn quoted(chapter: &str) -> impl Iterator<Item = &str> {
    chapter.split("**`").skip(1).filter_map(|rest| rest.split('`').next())
}

#[test]
fn quoted_messages_are_in_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::new();
    sources(&root.join("crates"), &mut text);
    let chapter = fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let mut count = 0;
    for message in quoted(&chapter) {
        for part in message.split('…').map(|part| part.trim_matches([' ', ':', '(', ')'])) {
            // What the driver adds, such as numbers and their names, is not ours.
            if part.len() < 8 || part.contains("CUDA_ERROR") {
                continue;
            }
            assert!(text.contains(part), "`{part}` of `{message}` is printed by nothing");
            count += 1;
        }
    }
    assert!(count > 15, "only {count} parts of messages were found");
}

#[test]
fn links_lead_somewhere() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for entry in fs::read_dir(&docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // Every other part lies between fences: code, in which the same letters mean something else.
        let text: String = text.split("```").step_by(2).collect();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let there = link.is_empty() || link.starts_with("http") || docs.join(link).exists();
            assert!(there, "{}: {link}", path.display());
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "{name} is not in the book");
    }
}
