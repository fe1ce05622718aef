//! The texts of e-mails in Spanish.

use super::notice::{Access, AccessWay, NoticeKind};
use super::texts::{ClassText, Labels, MailTexts, Opening, join_ways};
use crate::models::mail_outbox::RefundDestination;
use crate::models::mail_preference::MailCategory;

/// Spanish.
pub(super) struct Spanish;

/// Returns a time of day with its article, such as `las 19:00` or `la 1:00`.
fn with_article(time: &str) -> String {
    match time.starts_with("1:") {
        true => format!("la {time}"),
        false => format!("las {time}"),
    }
}

impl MailTexts for Spanish {
    fn labels(&self) -> Labels {
        Labels {
            class: "Clase",
            when: "Cuándo",
            room: "Sala",
            address: "Dirección",
            instructor: "Con",
            price: "Precio",
            product: "Bono",
            course: "Curso",
            gift_card: "Tarjeta regalo",
            gift_card_code: "Código",
            promo_code: "Código promocional",
            refund: "Reembolsado en total",
            order: "Compra",
            amount: "Importe",
            receipt: "Recibo",
            late_cancellation: "Cancelación tardía",
            no_show: "No asistencia",
            included_tax: "Impuesto incluido",
            total: "Total",
            last_day: "Último día",
            device: "Dispositivo",
            ip_address: "Dirección IP",
            open_bookings: "Abrir mis reservas",
            open_passes: "Abrir mis bonos",
            open_shop: "Abrir la tienda",
            open_membership: "Abrir mi membresía",
            open_receipts: "Abrir mis recibos",
            open_account: "Abrir mi cuenta",
            confirm_address: "Confirmar mi dirección",
            choose_password: "Crear una contraseña nueva",
        }
    }

    fn greeting(&self, first_name: Option<&str>) -> String {
        match first_name {
            Some(name) => format!("Hola, {name}:"),
            None => "Hola:".to_owned(),
        }
    }

    fn date_and_time(&self, day: &str, time: &str) -> String {
        format!("{day} a {}", with_article(time))
    }

    fn date_and_time_in(&self, day: &str, time: &str, city: &str) -> String {
        format!("{day} a {} (hora de {city})", with_article(time))
    }

    fn class_time_in(&self, class: &ClassText<'_>, city: &str) -> String {
        let ClassText {
            day, starts, ends, ..
        } = class;
        format!("{day}, de {starts} a {ends} (hora de {city})")
    }

    fn booking_footer(&self, studio: &str) -> String {
        format!(
            "Recibes este correo porque tienes una reserva en {studio}. \
             Si algo no es correcto, responde a este correo."
        )
    }

    fn order_footer(&self, studio: &str) -> String {
        format!(
            "Recibes este correo porque trata de tu compra en {studio}. \
             Si algo no es correcto, responde a este correo."
        )
    }

    fn account_footer(&self, studio: &str) -> String {
        format!(
            "Recibes este correo porque trata de tu cuenta en {studio}. \
             Nunca te pediremos una contraseña ni un código."
        )
    }

    fn payment_footer(&self, studio: &str) -> String {
        format!(
            "Recibes este correo porque trata de un pago o un reembolso en {studio}. \
             Si algo no es correcto, responde a este correo."
        )
    }

    fn pass_footer(&self, studio: &str) -> String {
        format!(
            "Recibes este correo porque tienes un bono en {studio}. \
             Si algo no es correcto, responde a este correo."
        )
    }

    fn unsubscribe(&self, category: MailCategory) -> &'static str {
        match category {
            MailCategory::Reminders => "Dejar de recibir recordatorios de clases",
            MailCategory::Bookings => "Dejar de recibir confirmaciones de reservas",
            MailCategory::Waitlist => "Dejar de recibir correos sobre listas de espera",
            MailCategory::Schedule => "Dejar de recibir avisos de cambios de clases",
            MailCategory::Passes => "Dejar de recibir avisos de bonos que caducan",
        }
    }

    fn booking_confirmed(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Reserva confirmada: {title}, {day}"),
            headline: "Tu plaza está reservada",
            paragraphs: vec![format!(
                "Tu plaza en {title} está reservada. Tenemos muchas ganas de bailar contigo."
            )],
        }
    }

    fn booking_waitlisted(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("En la lista de espera: {title}, {day}"),
            headline: "Estás en la lista de espera",
            paragraphs: vec![
                format!(
                    "No tienes que hacer nada: la clase {title} está llena y estás en su lista de \
                     espera."
                ),
                "Te escribiremos en cuanto tengas una plaza. Hasta entonces no tienes que pagar \
                 nada."
                    .to_owned(),
            ],
        }
    }

    fn booking_promoted(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Tienes una plaza: {title}, {day}"),
            headline: "Tienes una plaza",
            paragraphs: vec![format!("Ha quedado libre una plaza en {title}, y es tuya.")],
        }
    }

    fn cancel_for_the_next(&self) -> &'static str {
        "Si no puedes venir, cancela la reserva, para que pueda bailar la siguiente persona de la \
         lista de espera."
    }

    fn class_reminder(&self, class: &ClassText<'_>) -> Opening {
        let ClassText {
            title,
            day,
            starts,
            ends,
            room,
        } = class;
        Opening {
            subject: format!("Recordatorio: {title}, {}", self.date_and_time(day, starts)),
            headline: "Nos vemos pronto",
            paragraphs: vec![format!(
                "La clase {title} es el {day}, de {starts} a {ends}, en {room}. Tenemos muchas ganas \
                 de bailar contigo."
            )],
        }
    }

    fn cancel_if_you_cannot_come(&self) -> &'static str {
        "Si no puedes venir, cancela la reserva en «Mis reservas», para que pueda bailar otra \
         persona."
    }

    fn booking_cancelled(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Reserva cancelada: {title}, {day}"),
            headline: "Tu reserva está cancelada",
            paragraphs: vec![format!("Se ha cancelado tu reserva de {title}.")],
        }
    }

    fn class_cancelled(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Clase cancelada: {title}, {day}"),
            headline: "Esta clase está cancelada",
            paragraphs: vec![format!(
                "Lo sentimos: la clase {title} del {day} se ha cancelado, y con ella tu reserva."
            )],
        }
    }

    fn class_moved(
        &self,
        previous: &ClassText<'_>,
        class: &ClassText<'_>,
        is_waitlisted: bool,
    ) -> Opening {
        let ClassText {
            title,
            day,
            starts,
            ends,
            room,
        } = class;
        let kept = match is_waitlisted {
            true => "Conservas tu lugar en la lista de espera",
            false => "Conservas tu plaza",
        };
        Opening {
            subject: match previous.has_same_time(class) {
                true => format!("Nueva sala: {title}, {day}"),
                false => format!("Nueva hora: {title}, {}", self.date_and_time(day, starts)),
            },
            headline: "Tu clase ha cambiado",
            paragraphs: vec![
                format!(
                    "La clase {title} estaba prevista para el {}, de {} a {}, en {}. Ahora es el \
                     {day}, de {starts} a {ends}, en {room}.",
                    previous.day, previous.starts, previous.ends, previous.room
                ),
                format!("{kept}. Si no puedes venir, cancela la reserva."),
            ],
        }
    }

    fn booking_moved(&self, previous: &ClassText<'_>, class: &ClassText<'_>) -> Opening {
        let ClassText {
            title,
            day,
            starts,
            ends,
            room,
        } = class;
        Opening {
            subject: format!(
                "Reserva cambiada: {title}, {}",
                self.date_and_time(day, starts)
            ),
            headline: "Tu reserva ha cambiado",
            paragraphs: vec![format!(
                "Hemos cambiado tu reserva de {} del {}, de {} a {}, en {}. Ahora es para {title} el \
                 {day}, de {starts} a {ends}, en {room}.",
                previous.title, previous.day, previous.starts, previous.ends, previous.room
            )],
        }
    }

    fn instructor_changed(&self, class: &ClassText<'_>, instructor: &str) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Ahora con {instructor}: {title}, {day}"),
            headline: "Otra persona dará tu clase",
            paragraphs: vec![format!(
                "La clase {title} la dará {instructor}. Conservas tu reserva."
            )],
        }
    }

    fn no_show(&self, class: &ClassText<'_>, fee: &str) -> Opening {
        Opening {
            subject: format!("No viniste a {}", class.title),
            headline: "No viniste a una clase",
            paragraphs: vec![format!(
                "Tenías una plaza en {} el {}, pero no viniste. El cargo por faltar es de {fee}.",
                class.title, class.day
            )],
        }
    }

    fn order_paid(&self, product_names: &str, is_free: bool) -> Opening {
        let received = match is_free {
            true => format!("Ya tienes «{product_names}»."),
            false => format!("Hemos recibido tu pago por «{product_names}»."),
        };
        Opening {
            subject: format!("Tu compra: {product_names}"),
            headline: "Gracias por tu compra",
            paragraphs: vec![
                received,
                "Cuando reservas una clase, un bono la paga.".to_owned(),
            ],
        }
    }

    fn course_paid(&self, product_names: &str, is_free: bool) -> Opening {
        let received = match is_free {
            true => format!("Ya tienes plaza en «{product_names}»."),
            false => format!("Hemos recibido tu pago por «{product_names}»."),
        };
        let spots = "Tienes plaza en cada una de estas clases. Si no puedes venir a una clase, \
                     cancela tu reserva, por favor, para que pueda venir otra persona.";
        let refunds = "Por una clase que canceles no se devuelve nada. Si el estudio cancela una \
                       clase, te devolvemos su parte del precio.";
        let refunds = (!is_free).then_some(refunds);
        let paragraphs = [spots].into_iter().chain(refunds).map(str::to_owned);
        Opening {
            subject: format!("Tu curso: {product_names}"),
            headline: "Tus plazas están reservadas",
            paragraphs: [received].into_iter().chain(paragraphs).collect(),
        }
    }

    fn gift_card_issued(&self, product_names: &str) -> Opening {
        Opening {
            subject: format!("Tu tarjeta regalo: {product_names}"),
            headline: "Aquí tienes tu tarjeta regalo",
            paragraphs: vec![
                "Da el código de abajo a quien reciba la tarjeta regalo. Lo escribe en la tienda al \
                 comprar un bono, o lo enseña en el estudio."
                    .to_owned(),
                "Guárdalo como dinero en efectivo: quien tenga el código puede gastarlo.".to_owned(),
            ],
        }
    }

    fn receipt_issued(&self, amount: &str, number: &str) -> Opening {
        Opening {
            subject: format!("Tu recibo {number}"),
            headline: "Gracias por tu pago",
            paragraphs: vec![format!(
                "Hemos recibido tu pago de {amount}. Puedes imprimir tu recibo en nuestra web."
            )],
        }
    }

    fn refund_destination(&self, amount: &str, destination: RefundDestination) -> String {
        match destination {
            RefundDestination::Card => format!(
                "Te hemos devuelto {amount} a tu tarjeta. Tu banco puede tardar hasta diez días en \
                 mostrarlo."
            ),
            RefundDestination::GiftCard => {
                format!("Te hemos devuelto {amount} a tu tarjeta regalo.")
            }
            RefundDestination::Credit => format!(
                "Hemos añadido {amount} a tu saldo. Se usa primero cuando compras un bono o un curso."
            ),
            RefundDestination::Transfer => format!("Te hemos devuelto {amount} por transferencia."),
            RefundDestination::Desk => format!("Te hemos devuelto {amount} en recepción."),
        }
    }

    fn pass_ending(&self, name: &str, last_day: &str, credits_left: Option<i32>) -> Opening {
        let left = match credits_left {
            None => "Hasta entonces puedes venir cuantas veces quieras.".to_owned(),
            Some(1) => "Te queda una clase.".to_owned(),
            Some(left) => format!("Te quedan {left} clases."),
        };
        Opening {
            subject: format!("Tu bono caduca pronto: {name}"),
            headline: "Tu bono caduca pronto",
            paragraphs: vec![
                format!("Puedes usar tu bono «{name}» hasta el {last_day}, incluido. {left}"),
                "Si quieres seguir bailando, encontrarás otro bono en la tienda.".to_owned(),
            ],
        }
    }

    fn refund_made(&self, item: &str, refund: String) -> Opening {
        Opening {
            subject: format!("Reembolso: {item}"),
            headline: "Tu reembolso",
            paragraphs: vec![refund],
        }
    }

    fn refund_failed(&self, item: &str, amount: &str) -> Opening {
        Opening {
            subject: format!("Tu reembolso no ha llegado: {item}"),
            headline: "Tu reembolso no ha llegado",
            paragraphs: vec![
                format!(
                    "Tu banco nos ha devuelto los {amount} que reembolsamos a tu tarjeta. Es \
                     posible que la tarjeta haya caducado."
                ),
                "Nos ocupamos de ello. Si tienes una tarjeta nueva, responde a este correo."
                    .to_owned(),
            ],
        }
    }

    fn order_disputed(&self, product_names: &str) -> Opening {
        Opening {
            subject: format!("No se puede usar: {product_names}"),
            headline: "Tu bono no se puede usar",
            paragraphs: vec![
                format!(
                    "Tu banco ha retirado el pago de «{product_names}» porque está en disputa. \
                     Hasta que se resuelva la disputa, no puedes usar el bono."
                ),
                "Las próximas clases que reservaste con él siguen reservadas, pero hay que \
                 pagarlas."
                    .to_owned(),
                "Si no sabes nada de una disputa, habla con nosotros o con tu banco.".to_owned(),
            ],
        }
    }

    fn course_refund_at_desk(&self, product_names: &str, amount: &str) -> Opening {
        Opening {
            subject: format!("Tu devolución: {product_names}"),
            headline: "Tu devolución está en recepción",
            paragraphs: vec![
                format!("Te devolvemos una parte del precio de «{product_names}»."),
                self.refund_at_desk(amount),
            ],
        }
    }

    fn course_spots_lost(&self, product_names: &str, is_unpaid: bool) -> Opening {
        let text = match is_unpaid {
            true => format!(
                "Tu pedido de «{product_names}» está cancelado, porque no se ha pagado por completo. \
                 Ya no tienes plaza en sus clases."
            ),
            false => format!(
                "El estudio ha liberado tus plazas en las próximas clases de «{product_names}»."
            ),
        };
        Opening {
            subject: format!("Tus plazas: {product_names}"),
            headline: "Ya no tienes estas plazas",
            paragraphs: vec![
                text,
                "Si es un error, habla con nosotros, por favor.".to_owned(),
            ],
        }
    }

    fn course_disputed(&self, product_names: &str) -> Opening {
        Opening {
            subject: format!("Sin pagar: {product_names}"),
            headline: "Tu curso está sin pagar",
            paragraphs: vec![
                format!(
                    "Tu banco ha retirado el pago de «{product_names}» porque está en disputa."
                ),
                "Tus próximas clases siguen reservadas, pero hay que pagarlas.".to_owned(),
                "Si no sabes nada de una disputa, habla con nosotros o con tu banco.".to_owned(),
            ],
        }
    }

    fn late_payment_refunded(&self, product_names: &str, refund: String) -> Opening {
        Opening {
            subject: format!("Reembolso: {product_names}"),
            headline: "Te reembolsamos el pago",
            paragraphs: vec![
                format!(
                    "Tu pago por «{product_names}» llegó cuando la compra ya estaba cancelada, así \
                     que no has comprado nada."
                ),
                refund,
                "Puedes repetir la compra cuando quieras.".to_owned(),
            ],
        }
    }

    fn membership_payment_failed(
        &self,
        name: &str,
        price: &str,
        grace_ends_on: Option<&str>,
    ) -> Opening {
        let mut paragraphs = vec![format!(
            "No hemos podido cobrar {price} por «{name}». Revisa tu tarjeta en nuestra web, por \
             favor. Volveremos a intentarlo en los próximos días."
        )];
        paragraphs.extend(grace_ends_on.map(|day| {
            format!(
                "Mantenemos tus reservas hasta el {day}. Si para entonces no hemos recibido el \
                 pago, pagarás por separado cada clase posterior."
            )
        }));
        Opening {
            subject: format!("No hemos podido cobrar «{name}»"),
            headline: "No hemos podido cobrar tu membresía",
            paragraphs,
        }
    }

    fn membership_ended(&self, name: &str, paid_until: Option<&str>) -> Opening {
        let mut paragraphs = vec![format!(
            "Tu membresía «{name}» ha terminado. No te haremos más cobros por ella."
        )];
        paragraphs.extend(paid_until.map(|day| format!("El último día pagado es el {day}.")));
        paragraphs.push("Puedes empezar otra membresía cuando quieras.".to_owned());
        Opening {
            subject: format!("Tu membresía ha terminado: {name}"),
            headline: "Tu membresía ha terminado",
            paragraphs,
        }
    }

    fn card_payment_pending(&self, amount: &str) -> String {
        format!("Guardamos tu plaza mientras se procesa tu pago con tarjeta de {amount}.")
    }

    fn desk_payment_pending(&self, amount: &str) -> String {
        format!("Paga {amount} en recepción antes de la clase, por favor.")
    }

    fn promo_code_saved(&self, code: &str, amount: &str) -> String {
        format!("{code} (has ahorrado {amount})")
    }

    fn payment_received(&self, amount: &str) -> String {
        format!("Hemos recibido tu pago de {amount}. ¡Gracias!")
    }

    fn free_until(&self, until: &str) -> String {
        format!("Puedes cancelar gratis hasta el {until}.")
    }

    fn was_free_until(&self, until: &str, fee: &str) -> String {
        format!("El plazo para cancelar gratis terminó el {until}. Cancelar ahora cuesta {fee}.")
    }

    fn late_cancellation_costs(&self, fee: &str, until: &str) -> String {
        format!(
            "La cancelación cuesta {fee}, porque el plazo para cancelar gratis terminó el {until}."
        )
    }

    fn fee_is_owed(&self) -> &'static str {
        "Págalo en «Mis reservas» o en recepción, por favor."
    }

    fn fee_is_kept(&self) -> &'static str {
        "Lo descontamos de lo que ya has pagado."
    }

    fn tell_us_of_mistakes(&self) -> &'static str {
        "Si viniste, dínoslo y lo corregiremos."
    }

    fn paid_with_pass(&self, name: &str, credits_left: Option<i32>) -> String {
        match credits_left {
            None => format!("Pagas esta clase con tu bono «{name}»."),
            Some(0) => {
                format!("Pagas esta clase con tu bono «{name}». Ya no te quedan clases en el bono.")
            }
            Some(1) => {
                format!("Pagas esta clase con tu bono «{name}». Te queda una clase en el bono.")
            }
            Some(left) => format!(
                "Pagas esta clase con tu bono «{name}». Te quedan {left} clases en el bono."
            ),
        }
    }

    fn given_by_studio(&self) -> &'static str {
        "El estudio te regala esta clase. No pagas nada."
    }

    fn credit_returned_until(&self, until: &str) -> String {
        format!("Puedes cancelar hasta el {until}, y la clase vuelve entonces a tu bono.")
    }

    fn credit_was_returned_until(&self, until: &str) -> String {
        format!(
            "El plazo para cancelar gratis terminó el {until}. Si cancelas ahora, la clase no \
             vuelve a tu bono."
        )
    }

    fn credit_returned(&self, name: &str) -> String {
        format!("La clase ha vuelto a tu bono «{name}».")
    }

    fn credit_not_returned(&self, name: &str, until: &str) -> String {
        format!(
            "La clase no vuelve a tu bono «{name}», porque el plazo para cancelar gratis terminó \
             el {until}."
        )
    }

    fn reason(&self, reason: &str) -> String {
        format!("Motivo: {reason}")
    }

    fn refund_to_card(&self, amount: &str) -> String {
        format!(
            "Te devolvemos {amount} a tu tarjeta. Tu banco puede tardar unos días en mostrarlo."
        )
    }

    fn refund_at_desk(&self, amount: &str) -> String {
        format!("Recoge tu devolución de {amount} en recepción, por favor.")
    }

    fn course_share_due(&self, course: &str, amount: &str) -> String {
        format!(
            "La clase formaba parte del curso «{course}». Si no vuelves a reservarla, te devolvemos \
             {amount} del precio en tu tarjeta, tarjeta regalo o saldo. Si pagaste en recepción, \
             te escribiremos cuando puedas recoger allí el dinero."
        )
    }

    fn course_share_refunded(&self, course: &str, amount: &str) -> String {
        format!(
            "La clase formaba parte del curso «{course}». Te devolvemos {amount} del precio en tu \
             tarjeta, tarjeta regalo o saldo. Si pagaste en recepción, recoge allí el dinero."
        )
    }

    fn refunded(&self, amount: &str) -> String {
        format!("Te hemos devuelto {amount}.")
    }

    fn disputed(&self) -> &'static str {
        "Has reclamado este pago en tu banco. Ahora tu banco decide a quién corresponde el dinero, \
         así que no podemos devolver el pago."
    }

    fn notice(
        &self,
        kind: NoticeKind,
        new_address_or_provider: Option<&str>,
        access: &Access,
    ) -> Opening {
        let new_address_or_provider = new_address_or_provider.unwrap_or("otra dirección");
        let (subject, headline, paragraph) = match kind {
            NoticeKind::VerifyEmail => (
                "Confirma tu dirección de correo",
                "Confirma tu dirección de correo",
                "Confirma tu dirección de correo con el botón de abajo. El enlace funciona una vez \
                 y caduca en 24 horas."
                    .to_owned(),
            ),
            NoticeKind::Invitation => (
                "Tu cuenta con nosotros",
                "Tu cuenta está lista",
                "Hemos creado una cuenta para ti, en la que puedes ver y cancelar tus reservas. \
                 Confirma tu dirección de correo con el botón de abajo y crea una contraseña. El \
                 enlace funciona una vez y caduca en siete días. Si ha caducado, puedes pedir otro \
                 con «¿Has olvidado tu contraseña?» en la página para iniciar sesión."
                    .to_owned(),
            ),
            NoticeKind::ResetPassword => (
                "Crea una contraseña nueva",
                "Crea una contraseña nueva",
                "Crea una contraseña nueva con el botón de abajo. El enlace funciona una vez y \
                 caduca en una hora. Un enlace más nuevo lo sustituye."
                    .to_owned(),
            ),
            NoticeKind::AccountExists => (
                "Ya tienes una cuenta",
                "Ya tienes una cuenta",
                "Alguien acaba de intentar usar tu dirección de correo para otra cuenta. Si has \
                 sido tú, entra en tu cuenta, o crea una contraseña nueva si la has olvidado."
                    .to_owned(),
            ),
            NoticeKind::EmailChangeRequested => (
                "Tu dirección de correo va a cambiar",
                "Tu dirección de correo va a cambiar",
                format!(
                    "La dirección de correo de tu cuenta cambiará a {new_address_or_provider} cuando \
                     se confirme esa dirección."
                ),
            ),
            NoticeKind::EmailChanged => (
                "Tu dirección de correo ha cambiado",
                "Tu dirección de correo ha cambiado",
                format!("La dirección de correo de tu cuenta es ahora {new_address_or_provider}."),
            ),
            NoticeKind::PasswordChanged => (
                "Tu contraseña ha cambiado",
                "Tu contraseña ha cambiado",
                "Tu contraseña ha cambiado, y se han cerrado tus sesiones en todos los demás \
                 dispositivos."
                    .to_owned(),
            ),
            NoticeKind::PasswordReset => (
                "Tienes una contraseña nueva",
                "Tienes una contraseña nueva",
                self.password_reset(access),
            ),
            NoticeKind::NewDevice => (
                "Un nuevo inicio de sesión en tu cuenta",
                "¿Has sido tú?",
                "Comprueba este inicio de sesión: alguien ha entrado en tu cuenta desde un \
                 dispositivo nuevo."
                    .to_owned(),
            ),
            NoticeKind::TwoFactorEnabled => (
                "La verificación en dos pasos está activada",
                "La verificación en dos pasos está activada",
                "A partir de ahora necesitas un código para entrar. Guarda tus códigos de \
                 recuperación en un lugar al que llegues sin el teléfono."
                    .to_owned(),
            ),
            NoticeKind::TwoFactorDisabled => (
                "La verificación en dos pasos está desactivada",
                "La verificación en dos pasos está desactivada",
                "A partir de ahora puedes entrar solo con tu contraseña.".to_owned(),
            ),
            NoticeKind::RecoveryCodeUsed => (
                "Se ha usado un código de recuperación",
                "Se ha usado un código de recuperación",
                "Se ha usado uno de tus códigos de recuperación, y ya no sirve. Para tener códigos \
                 nuevos, configura otra vez la verificación en dos pasos."
                    .to_owned(),
            ),
            NoticeKind::WrongCodesEntered => (
                "Puede que alguien conozca tu contraseña",
                "Puede que alguien conozca tu contraseña",
                "Cambia tu contraseña, por favor. Alguien que la conoce, o que puede usar una cuenta \
                 vinculada a la tuya, ha escrito tantos códigos incorrectos que por ahora no se \
                 acepta ninguno más. Mientras tanto, para entrar desde un dispositivo nuevo, usa un \
                 código de recuperación."
                    .to_owned(),
            ),
            NoticeKind::SignInBlocked => (
                "Alguien intenta adivinar tu contraseña",
                "Alguien intenta adivinar tu contraseña",
                "Alguien ha escrito tantas contraseñas incorrectas para tu cuenta que, durante una \
                 hora como máximo, no se acepta ninguna más desde dispositivos desconocidos. No ha \
                 conseguido entrar. Hasta entonces solo puedes entrar desde un dispositivo que ya \
                 hayas usado. Para entrar desde otro, crea antes una contraseña nueva («¿Has \
                 olvidado tu contraseña?» en la página para iniciar sesión)."
                    .to_owned(),
            ),
            NoticeKind::IdentityLinked => (
                "Hay una forma más de entrar en tu cuenta",
                "Hay una forma más de entrar en tu cuenta",
                format!("Ahora puedes entrar con {new_address_or_provider}."),
            ),
            NoticeKind::IdentityUnlinked => (
                "Hay una forma menos de entrar en tu cuenta",
                "Hay una forma menos de entrar en tu cuenta",
                format!("Ya no puedes entrar con {new_address_or_provider}."),
            ),
            NoticeKind::AccountClosed => (
                "Tu cuenta está cerrada",
                "Tu cuenta está cerrada",
                "Tu cuenta está cerrada, como pediste. Tus próximas reservas están canceladas, y \
                 tus datos personales se han borrado. Puedes registrarte otra vez con esta \
                 dirección cuando quieras."
                    .to_owned(),
            ),
        };
        Opening {
            subject: subject.to_owned(),
            headline,
            paragraphs: vec![paragraph],
        }
    }

    fn advice(&self, kind: NoticeKind) -> &'static str {
        match kind {
            NoticeKind::Invitation => {
                "Si no has estado en nuestro estudio, no hagas caso de este correo."
            }
            NoticeKind::VerifyEmail | NoticeKind::ResetPassword => {
                "Si no lo has pedido tú, no hagas caso de este correo."
            }
            NoticeKind::AccountExists => "Si no has sido tú, no hagas caso de este correo.",
            NoticeKind::SignInBlocked => {
                "Si tu contraseña es larga y no la usas en ningún otro sitio, no tienes que hacer \
                 nada."
            }
            NoticeKind::EmailChanged | NoticeKind::AccountClosed => {
                "Si no has sido tú, responde enseguida a este correo y te ayudaremos."
            }
            _ => {
                "Si no has sido tú, crea enseguida una contraseña nueva («¿Has olvidado tu \
                 contraseña?» en la página para iniciar sesión). Así se cierran las sesiones en todos los \
                 dispositivos. Después responde a este correo."
            }
        }
    }

    fn access_way(&self, way: &AccessWay) -> String {
        match way {
            AccessWay::CalendarFeed => "la suscripción al calendario".to_owned(),
            AccessWay::TwoFactor => "la verificación en dos pasos".to_owned(),
            AccessWay::Provider(name) => format!("el inicio de sesión con {name}"),
        }
    }

    fn device(&self, device: &str) -> String {
        let Some((browser, device)) = device.split_once(" on ") else {
            return device.to_owned();
        };
        let browser = match browser {
            "Unknown browser" => "Navegador desconocido",
            "Android app" => "Aplicación de Android",
            known => known,
        };
        let device = match device {
            "Unknown device" => "un dispositivo desconocido",
            "Command line" => "la línea de comandos",
            known => known,
        };
        format!("{browser} en {device}")
    }
}

impl Spanish {
    fn password_reset(&self, access: &Access) -> String {
        let mut text =
            "Se ha creado una contraseña nueva con un enlace que te enviamos por correo. \
            Se han cerrado tus sesiones en todos los dispositivos."
                .to_owned();
        if !access.ended.is_empty() {
            let ended = match access.ended.len() {
                1 => "También ha terminado",
                _ => "También han terminado",
            };
            text += &format!(" {ended}: {}.", join_ways(self, &access.ended));
        }
        if !access.remaining.is_empty() {
            let remaining = match access.remaining.len() {
                1 => "Sigue funcionando",
                _ => "Siguen funcionando",
            };
            text += &format!(" {remaining}: {}.", join_ways(self, &access.remaining));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::mail::english::English;

    #[test]
    fn every_text_about_an_account_is_translated() {
        for kind in NoticeKind::ALL {
            let (english, spanish) = (
                English.notice(kind, None, &Access::default()),
                Spanish.notice(kind, None, &Access::default()),
            );
            assert_ne!(english.subject, spanish.subject);
            assert_ne!(english.headline, spanish.headline);
            assert_ne!(english.paragraphs, spanish.paragraphs);
            assert_ne!(English.advice(kind), Spanish.advice(kind));
        }
    }

    #[test]
    fn the_verb_agrees_with_the_number_of_ways_to_sign_in() {
        let one = Access {
            ended: vec![AccessWay::CalendarFeed],
            remaining: vec![AccessWay::TwoFactor],
        };
        let text = Spanish.password_reset(&one);
        assert!(text.contains(" También ha terminado: la suscripción al calendario."));
        assert!(text.contains(" Sigue funcionando: la verificación en dos pasos."));
        let ways = || vec![AccessWay::CalendarFeed, AccessWay::TwoFactor];
        let two = Access {
            ended: ways(),
            remaining: ways(),
        };
        let text = Spanish.password_reset(&two);
        assert!(text.contains(" También han terminado: la suscripción al calendario, la "));
        assert!(text.contains(" Siguen funcionando: la suscripción al calendario, la "));
    }

    #[test]
    fn a_time_of_day_has_the_article_of_its_hour() {
        let times = ["0:30", "1:00", "1:45", "10:00", "13:00", "19:00"];
        let with_articles = times.map(with_article);
        let expected = [
            "las 0:30",
            "la 1:00",
            "la 1:45",
            "las 10:00",
            "las 13:00",
            "las 19:00",
        ];
        assert_eq!(with_articles, expected);
    }
}
