//! One half of a pair: makes a ring with a name and sends lines of text into it. Run `process_consumer` with the same name before,
//! meanwhile or after.
//!
//! `cargo run -p perdix-host --example process_producer -- NAME [MESSAGES]`

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use perdix_host::Buffer;

    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: process_producer NAME [MESSAGES]")?;
    let messages: u64 = arguments.next().as_deref().unwrap_or("1000").parse()?;

    // SAFETY: the other program keeps to the protocol, and no process of this user changes the ring's file.
    let ring = unsafe { Buffer::builder().slots(1024).create_shared(&name) }?;
    println!("made the ring {name}: {} slots, {}", ring.capacity(), ring.mode());
    let mut producer = ring.into_producer()?;
    for number in 0..messages {
        // Waits while the ring is full. Should the consumer die, this fails, and could be tried again when another has come.
        producer.produce(format!("message {number}").as_bytes())?;
    }
    let counters = producer.counters();
    producer.finish();
    println!("sent {} messages", counters.read().sent);
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("rings across processes need Linux");
}
