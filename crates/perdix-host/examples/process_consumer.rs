//! The other half of a pair: takes what `process_producer` sends, and says why there is no more.
//!
//! `cargo run -p perdix-host --example process_consumer -- NAME`

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use perdix_host::ConsumeError;
    use perdix_host::process::SharedRing;

    let name = std::env::args().nth(1).ok_or("usage: process_consumer NAME")?;
    // SAFETY: the other program keeps to the protocol, and no process of this user changes the ring's file.
    let mut consumer = unsafe { SharedRing::open(&name) }?.into_consumer()?;
    let mut last = String::new();
    let why = loop {
        match consumer.consume() {
            Ok(message) => last = String::from_utf8_lossy(&message).into_owned(),
            Err(ConsumeError::EndOfStream) => break "the producer ended the stream".into(),
            // All that was published has come; the error says what has not.
            Err(error) => break error.to_string(),
        }
    };
    println!("{} messages, the last one {last:?}: {why}", consumer.position());
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("rings across processes need Linux");
}
