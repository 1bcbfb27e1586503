//! Sockets: nobody can be granted one. An operator may let a program that imports them run without.

use super::stage::{Stage, bare, policy, refused};
use std::net::TcpListener;

/// A listener that nobody must reach.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn a_program_that_imports_sockets_is_refused_and_the_advice_lets_it_run_without() {
    let (listener, address) = listener();
    let stage = Stage::new(&policy("opens_socket", &[], ""));
    let text = refused(stage.call("opens_socket", &[], &address).await);
    assert!(text.starts_with("refused: "), "{text}");
    assert!(text.contains("wasi:sockets/tcp@0.2"), "{text}");
    assert!(text.contains("this host lends no such interface"), "{text}");
    assert!(text.contains(r#"any = ["wasi:sockets"]"#) && text.contains("[inert]"), "{text}");
    assert!(stage.home.runs().unwrap().is_empty());

    let stage = stage.under(&policy("opens_socket", &[], "inert.any = [\"wasi:sockets\"]"));
    let story = stage.call("opens_socket", &[], &address).await.unwrap();
    assert!(story.text().starts_with("skill error: connect: "), "{}", story.text());
    assert!(listener.accept().is_err(), "somebody connected");
    // Said for another skill it says nothing of this one.
    let stage = stage.under(&policy("opens_socket", &[], "inert.\"local:echo\" = [\"wasi:sockets\"]"));
    assert!(refused(stage.call("opens_socket", &[], &address).await).starts_with("refused: "));
    assert!(bare("opens_socket").windows(12).any(|name| name == b"wasi:sockets"));
}

#[tokio::test]
async fn no_name_is_looked_up_and_no_datagram_is_sent() {
    let (_listener, address) = listener();
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_nonblocking(true).unwrap();
    for (guest, input, import) in [
        ("looks_up_name", "secret", "wasi:sockets/ip-name-lookup@0.2"),
        ("sends_datagram", &*receiver.local_addr().unwrap().to_string(), "wasi:sockets/udp@0.2"),
    ] {
        let stage = Stage::new(&policy(guest, &[], ""));
        let text = refused(stage.call(guest, &[], input).await);
        assert!(text.contains(import), "{text}");
        let stage = stage.under(&policy(guest, &[], "inert.any = [\"wasi:sockets\"]"));
        let story = stage.call(guest, &[], input).await.unwrap();
        let held = [
            "trap inert: wasi:sockets/instance-network",
            "output: connected held, unconnected held, listening held",
        ];
        assert!(held.iter().any(|held| story.text().starts_with(held)), "{}", story.text());
    }
    assert!(receiver.recv_from(&mut [0; 16]).is_err(), "a datagram arrived, {address}");
}
