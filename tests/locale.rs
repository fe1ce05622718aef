//! The language of members, in profiles and e-mails.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bookings::{book, cancel, insert_desk_payment, join_waitlist};
use crate::harness::{MailServer, PASSWORD, TestApp, TestClient, TestResponse};

/// Registers a member with this name. `locale` is a field of the form.
async fn register(
    app: &TestApp,
    name: &str,
    accept_language: &str,
    locale: Option<&str>,
) -> (TestClient, TestResponse) {
    let mut form = json!({
        "email": format!("{name}@example.com"), "password": PASSWORD, "name": name,
    });
    if let Some(locale) = locale {
        form["locale"] = json!(locale);
    }
    let person = app.visitor();
    let request = person
        .request(Method::POST, "/api/auth/register")
        .json(&form);
    let response = person
        .send(request.header("accept-language", accept_language))
        .await;
    (person, response)
}

async fn locale_of(member: &TestClient) -> Value {
    let session = member.get("/api/auth/session").await.expect(200);
    session["user"]["locale"].clone()
}

/// Registers a member whose language is Spanish, and who has confirmed their address.
async fn spanish_member(app: &TestApp, name: &str) -> TestClient {
    let member = app.member(name).await;
    let change = json!({ "locale": "es" });
    member.patch("/api/auth/me", change).await.expect(200);
    member
}

/// Returns the last e-mail of a kind to a member. Waits for `count` e-mails in total.
async fn last_mail(server: &MailServer, count: usize) -> Value {
    server.wait_for_mails(count).await.pop().unwrap()
}

fn assert_contains(mail: &Value, parts: &[&str]) {
    let text = mail["text"].as_str().unwrap();
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn the_language_of_a_new_member_comes_from_the_form_or_the_browser() {
    let app = TestApp::start().await;
    for (name, accept_language, locale, expected) in [
        ("ana", "es-MX,es;q=0.9,en;q=0.8", None, json!("es")),
        ("ben", "fr-FR,en;q=0.5,es;q=0.4", None, json!("en")),
        ("cleo", "fr", None, Value::Null),
        ("dora", "es", Some("en"), json!("en")),
        ("eva", "en", Some("es"), json!("es")),
    ] {
        let (member, response) = register(&app, name, accept_language, locale).await;
        assert_eq!(response.expect(201)["user"]["locale"], expected, "{name}");
        assert_eq!(locale_of(&member).await, expected, "{name}");
        let profile = member.get("/api/auth/me").await.expect(200);
        assert_eq!(profile["locale"], expected, "{name}");
    }
    let (_, response) = register(&app, "fay", "en", Some("fr")).await;
    response.expect(400);
}

#[tokio::test]
async fn a_member_changes_the_language_in_every_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    // A browser that states no language chooses none.
    assert_eq!(locale_of(&phone).await, Value::Null);
    let change = json!({ "locale": "es" });
    let profile = ana.patch("/api/auth/me", change).await.expect(200);
    assert_eq!(profile["locale"], "es");
    assert_eq!(locale_of(&phone).await, "es");
    // A change of another field keeps the language.
    let change = json!({ "lastName": "Soto" });
    let profile = ana.patch("/api/auth/me", change).await.expect(200);
    assert_eq!(profile["locale"], "es");
    for invalid in [json!("fr"), json!("ES"), json!(7)] {
        let response = ana
            .patch("/api/auth/me", json!({ "locale": invalid }))
            .await;
        assert_eq!(response.status, 400, "{invalid}");
    }
}

#[tokio::test]
async fn the_messages_to_a_member_without_a_chosen_language_are_in_english() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let ana = app.member("ana").await;
    assert_eq!(locale_of(&ana).await, Value::Null);
    let profile = ana.get("/api/auth/me").await.expect(200);
    assert_eq!(profile["locale"], Value::Null);
    let class = app.create_class(3).await;
    book(&ana, class).await.expect(201);
    let mail = last_mail(&server, 1).await;
    assert_contains(&mail, &["Your spot in", "is booked."]);
    let before = server.received().len();
    let form = json!({ "email": "ana@example.com" });
    let browser = app.visitor();
    browser
        .post("/api/auth/forgot-password", form)
        .await
        .expect(202);
    let mail = last_mail(&server, before + 1).await;
    assert!(
        mail["html"]
            .as_str()
            .unwrap()
            .contains("<html lang=\"en\">")
    );
}

#[tokio::test]
async fn a_booking_confirmation_is_in_the_members_language() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let settings = server.settings().with("STUDIO_TIMEZONE", "Europe/Madrid");
    let app = TestApp::start_with(settings).await;
    let class = app.create_class_on_clock_change("Salsa y son").await;
    let ana = spanish_member(&app, "ana").await;
    let ben = app.member("ben").await;
    book(&ana, class).await.expect(201);
    let mail = last_mail(&server, 1).await;
    assert_eq!(
        mail["headers"]["subject"],
        "Reserva confirmada: Salsa y son, domingo 28 de marzo de 2027"
    );
    assert_contains(
        &mail,
        &[
            "Hola, ana:",
            "Tu plaza en Salsa y son está reservada.",
            "Cuándo: domingo 28 de marzo de 2027, de 19:30 a 20:30 (hora de Madrid)",
            "Sala: Sala Uno",
            "Precio: 25.00 USD",
            "Puedes cancelar gratis hasta el domingo 28 de marzo de 2027 a las 7:30.",
            "Abrir mis reservas: https://sabor.example/bookings",
        ],
    );
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("<html lang=\"es\">"), "{html}");
    // Another member of the same class gets the e-mail in English.
    book(&ben, class).await.expect(201);
    let mail = last_mail(&server, 2).await;
    assert_contains(&mail, &["Sunday, March 28, 2027, 7:30 PM to 8:30 PM"]);
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("<html lang=\"en\">"), "{html}");
}

#[tokio::test]
async fn every_kind_of_booking_message_is_translated() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (
        spanish_member(&app, "ana").await,
        spanish_member(&app, "ben").await,
    );
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    server.wait_for_mails(1).await;
    join_waitlist(&ben, class).await.expect(201);
    server.wait_for_mails(2).await;
    cancel(&ana, &booking).await.expect(200);
    server.wait_for_mails(4).await;
    let instructor = "insert into instructors (id, name) values (gen_random_uuid(), 'Luis')
        returning id::text";
    let instructor: String = app.sql(instructor).await[0].get(0);
    let change = json!({ "occurrence": { "id": class, "instructorId": instructor } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    server.wait_for_mails(5).await;
    let change = json!({ "occurrence": { "id": class, "room": "Patio" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    server.wait_for_mails(6).await;
    let path = format!("/api/admin/schedule?occurrenceId={class}&reason=Nieve");
    staff.delete(&path).await.expect(200);
    let mails = server.wait_for_mails(7).await;
    let mut beginnings: Vec<_> = mails
        .iter()
        .map(|mail| mail["headers"]["subject"].as_str().unwrap())
        .map(|subject| subject.split(':').next().unwrap())
        .collect();
    beginnings.sort_unstable();
    assert_eq!(
        beginnings,
        [
            "Ahora con Luis",
            "Clase cancelada",
            "En la lista de espera",
            "Nueva sala",
            "Reserva cancelada",
            "Reserva confirmada",
            "Tienes una plaza",
        ]
    );
    for mail in &mails {
        assert_contains(mail, &["Recibes este correo porque", "Abrir mis reservas"]);
        let text = mail["text"].as_str().unwrap();
        for english in ["You ", "Your ", " the ", " is "] {
            assert!(!text.contains(english), "{english} is in {text}");
        }
    }
    let refund = "Recoge tu devolución de 25.00 USD en recepción, por favor.";
    let has_refund = |mail: &&Value| mail["text"].as_str().unwrap().contains(refund);
    assert_eq!(mails.iter().filter(has_refund).count(), 1);
}

#[tokio::test]
async fn the_messages_about_a_forgotten_password_are_in_the_members_language() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let ana = spanish_member(&app, "ana").await;
    ana.post("/api/calendar/token", json!({})).await.expect(201);
    let before = server.received().len();
    // The request comes from a browser in English, but the member's language decides.
    let browser = app.visitor();
    let form = json!({ "email": "ana@example.com" });
    let request = browser
        .request(Method::POST, "/api/auth/forgot-password")
        .json(&form)
        .header("accept-language", "en")
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        );
    browser.send(request).await.expect(202);
    let mail = last_mail(&server, before + 1).await;
    assert_eq!(mail["headers"]["subject"], "Crea una contraseña nueva");
    assert_contains(
        &mail,
        &[
            "El enlace funciona una vez y caduca en una hora.",
            "Si no lo has pedido tú, no hagas caso de este correo.",
            "(hora de Denver)",
            "Dispositivo: Firefox en Linux",
            "Crear una contraseña nueva: https://sabor.example/reset-password#token=",
            "Nunca te pediremos una contraseña ni un código.",
        ],
    );
    let token = app.mailed_token("reset_password", "ana@example.com").await;
    let form = json!({ "token": token, "newPassword": "otra contraseña larga" });
    browser
        .post("/api/auth/reset-password", form)
        .await
        .expect(200);
    let mail = last_mail(&server, before + 2).await;
    assert_eq!(mail["headers"]["subject"], "Tienes una contraseña nueva");
    assert_contains(
        &mail,
        &[
            "También ha terminado: la suscripción al calendario.",
            "Abrir mi cuenta: https://sabor.example/account",
        ],
    );
}

#[tokio::test]
async fn staff_choose_the_language_of_an_invitation() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let staff = app.staff("sofia").await;
    let before = server.received().len();
    let form = json!({ "email": "jose@example.com", "firstName": "José", "locale": "es" });
    staff.post("/api/admin/members", form).await.expect(201);
    let mail = last_mail(&server, before + 1).await;
    assert_eq!(mail["headers"]["subject"], "Tu cuenta con nosotros");
    assert_contains(&mail, &["Hemos creado una cuenta para ti"]);
}
