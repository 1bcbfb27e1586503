//! Behaves: does what the input's lines say with the store `data`: `set KEY VALUE`, `get KEY`, `delete KEY`,
//! `exists KEY`, `list`, and `fail`, which ends it with an error; answers with one line for each.
//!
//! Expected: it reads its own writes; what it wrote is there for the next attempt only if it ended well.

use bindings::wasi::keyvalue::store::{self, Bucket, Error};

kapell_guests::guest!("kapell:guests/with-keyvalue", obey);

fn obey(input: String) -> Result<String, String> {
    let bucket = store::open("data").map_err(|error| format!("open data: {error:?}"))?;
    let answers: Result<Vec<String>, String> =
        input.lines().map(|command| answer(&bucket, command)).collect();
    Ok(answers?.join("\n"))
}

fn answer(bucket: &Bucket, command: &str) -> Result<String, String> {
    let words: Vec<&str> = command.splitn(3, ' ').collect();
    let answer = match words.as_slice() {
        ["set", key, value] => bucket.set(key, value.as_bytes()).map(|()| "set".to_owned()),
        ["get", key] => bucket.get(key).map(shown),
        ["delete", key] => bucket.delete(key).map(|()| "deleted".to_owned()),
        ["exists", key] => bucket.exists(key).map(|exists| exists.to_string()),
        ["list"] => list(bucket),
        _ => return Err(format!("told to fail: {command}")),
    };
    answer.map_err(|error| format!("{command}: {error:?}"))
}

fn shown(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "none".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn list(bucket: &Bucket) -> Result<String, Error> {
    let mut keys = Vec::new();
    let mut page = bucket.list_keys(None)?;
    keys.append(&mut page.keys);
    while let Some(cursor) = page.cursor {
        page = bucket.list_keys(Some(cursor))?;
        keys.append(&mut page.keys);
    }
    Ok(keys.join(" "))
}
