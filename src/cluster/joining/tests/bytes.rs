//! What lies on the stream: recorded, said again, cut, made up.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::super::frame::{self, MOST_ANSWERED};
use super::super::message::{Answer, Greeting};
use super::super::scene::{Guest, HERE, NOW, Scene, THERE, terms};
use super::super::*;

/// What the desk makes of these bytes, after which nothing comes; and what it says.
async fn said_to(scene: &Scene, binding: Binding, bytes: &[u8]) -> (Result<Answered, JoinError>, Vec<u8>) {
    let (mut near, far) = duplex(1 << 20);
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    let answered = scene.desk.answer(far, &binding, None).await;
    let mut said = Vec::new();
    near.read_to_end(&mut said).await.unwrap();
    (answered, said)
}

#[tokio::test]
async fn what_was_recorded_is_good_in_no_other_session() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let (asked, _) = scene.taped(&token, &Guest::new("web-1")).await;
    let (answered, _) = said_to(&scene, THERE, &asked).await;
    assert_eq!(answered.unwrap(), Answered::Refused(Reason::WrongProof));
    let (answered, _) = said_to(&scene, HERE, &asked).await;
    assert!(matches!(answered, Ok(Answered::Joined(_))), "only the session was in its way");
}

#[tokio::test]
async fn the_tokens_secret_never_crosses_the_wire() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let (asked, answered) = scene.taped(&token, &guest).await;
    for key in [&token.key, &guest.keys.signing] {
        let pem = key.to_pem();
        let digits: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(digits).unwrap();
        let seed = &der[der.len() - 32..];
        let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        // In base64 at each of the three places where it can begin; the digits at the ends hold bits of other bytes.
        let shifted =
            (0..3).map(|before| STANDARD.encode([&vec![0; before], seed].concat())[4..40].to_owned());
        let mut forms: Vec<Vec<u8>> = shifted.map(String::into_bytes).collect();
        forms.extend(
            forms
                .clone()
                .iter()
                .map(|form| String::from_utf8_lossy(form).replace('+', "-").replace('/', "_").into_bytes()),
        );
        forms.extend([seed.to_vec(), seed[..16].to_vec(), hex.clone().into_bytes()]);
        forms.push(hex.to_uppercase().into_bytes());
        for said in [&asked, &answered] {
            assert!(said.len() > 500, "{} bytes were recorded", said.len());
            for form in &forms {
                assert!(!said.windows(form.len()).any(|window| window == form), "{}", form.len());
            }
        }
    }
    let text = token.to_text().unwrap();
    let payload = URL_SAFE_NO_PAD.decode(&text["mgmt-join-1.".len()..]).unwrap();
    assert!(!asked.windows(40).any(|window| payload.windows(40).any(|part| part == window)));
}

#[tokio::test]
async fn a_conversation_that_ends_anywhere_ends_on_both_sides() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let (asked, answered) = scene.taped(&token, &guest).await;
    for end in 0..asked.len() {
        let (result, _) = said_to(&scene, HERE, &asked[..end]).await;
        assert!(matches!(result, Err(JoinError::Ended)), "{end} of {} bytes: {result:?}", asked.len());
    }
    for end in 0..answered.len() {
        let (mut near, far) = duplex(1 << 20);
        near.write_all(&answered[..end]).await.unwrap();
        near.shutdown().await.unwrap();
        let applicant = guest.at(scene.now());
        let joined = join(Line::new(far, HERE, "db-1:2379"), &token, &applicant).await;
        assert!(matches!(joined, Err(JoinError::Ended)), "{end} of {} bytes", answered.len());
    }
}

#[tokio::test]
async fn garbage_is_answered_or_ended_and_nothing_else_happens() {
    let scene = Scene::start().await;
    let framed = |text: &[u8]| {
        let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(text);
        bytes
    };
    let deep = "[".repeat(60_000);
    let nested = format!("{{\"body\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    for text in ["", "{}", "null", "{\"body\":1}", "{\"body\":{\"join\":{}}}", "\u{fffd}", &deep, &nested] {
        let (answered, said) = said_to(&scene, HERE, &framed(text.as_bytes())).await;
        assert_eq!(answered.unwrap(), Answered::Refused(Reason::BadRequest));
        let mut said = &said[..];
        frame::read(&mut said, MOST_ANSWERED).await.unwrap();
        let body = frame::read(&mut said, MOST_ANSWERED).await.unwrap();
        assert!(matches!(frame::decode(&body, "").unwrap(), Answer::Refused(_)));
    }
    let (answered, _) = said_to(&scene, HERE, &[0xff; 4096]).await;
    assert_eq!(answered.unwrap(), Answered::Refused(Reason::BadRequest), "its length alone is too much");
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..200 {
        let mut bytes: Vec<u8> = (0..random.usize(..300)).map(|_| random.u8(..)).collect();
        if bytes.len() > 4 {
            bytes[..2].fill(0);
        }
        let (answered, _) = said_to(&scene, HERE, &bytes).await;
        assert!(!matches!(answered, Ok(Answered::Joined(_) | Answered::Renewed(_) | Answered::Handed(_))));
    }
}

#[tokio::test]
async fn every_changed_byte_of_a_request_is_found() {
    let scene = Scene::start().await;
    let token = scene.token(Terms { uses: 100_000, ..terms() }).await;
    let (asked, _) = scene.taped(&token, &Guest::new("web-1")).await;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut forged = asked.clone();
        let at = random.usize(4..forged.len());
        forged[at] ^= 1 << random.u8(..7);
        let (answered, _) = said_to(&scene, HERE, &forged).await;
        assert!(matches!(answered, Ok(Answered::Refused(_))), "byte {at}: {answered:?}");
    }
}

#[tokio::test]
async fn who_says_nothing_or_little_is_not_waited_for() {
    let patience = Duration::from_millis(60);
    let scene = Scene::with(DeskSettings { patience, ..DeskSettings::default() }).await;
    let token = scene.token(terms()).await;
    let (_silent, far) = duplex(1 << 10);
    let ended = scene.desk.answer(far, &HERE, None).await;
    assert!(matches!(ended, Err(JoinError::TooSlow { .. })), "{ended:?}");
    // One byte now and then does not help: the whole conversation has one deadline.
    let (mut near, far) = duplex(1 << 10);
    let drip = async {
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        near.write_all(&60_000_u32.to_be_bytes()).await.unwrap();
        while near.write_all(b" ").await.is_ok() {
            tick.tick().await;
        }
    };
    let (ended, ()) = tokio::join!(scene.desk.answer(far, &HERE, None), drip);
    assert!(matches!(ended, Err(JoinError::TooSlow { .. })), "{ended:?}");
    // A server that says hello and nothing more.
    let guest = Guest::new("web-1");
    let applicant = guest.at(scene.now());
    let (near, mut far) = duplex(1 << 20);
    let hello = Greeting::Hello(super::super::message::Hello { version: 1, serves: true, seeds: Vec::new() });
    frame::write(&mut far, &frame::encode(&hello, MOST_ANSWERED).unwrap()).await.unwrap();
    let line = Line::new(near, HERE, "db-1:2379").with_patience(patience);
    let ended = join(line, &token, &applicant).await;
    assert!(matches!(ended, Err(JoinError::TooSlow { .. })), "{ended:?}");
}

#[tokio::test]
async fn who_does_not_read_its_answer_is_not_waited_for() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let (asked, answered) = scene.taped(&token, &Guest::new("web-1")).await;
    assert!(answered.len() > 2_048, "it does not fit into the stream");
    let settings = DeskSettings { patience: Duration::from_millis(200), ..DeskSettings::default() };
    let desk = Desk::new(Arc::new(scene.registry()), scene.authority(), Arc::new(|| NOW), settings);
    let (near, far) = duplex(512);
    let (mut hears, mut says) = tokio::io::split(near);
    let (ended, _) = tokio::join!(desk.answer(far, &HERE, None), says.write_all(&asked));
    assert!(matches!(ended, Err(JoinError::TooSlow { .. })), "{ended:?}");
    // What was sent is there, and then the end.
    let mut heard = Vec::new();
    hears.read_to_end(&mut heard).await.unwrap();
    assert!(heard.len() < answered.len());
}
