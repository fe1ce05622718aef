//! The texts of the pages in English and Spanish. A text that is missing in one of them does
//! not compile.

use crate::classes::catalog::view::{ClassTypeView, InstructorView};
use crate::classes::occurrence_view::OccurrenceView;
use crate::models::class_type::Level;
use crate::values::locale::Locale;
use crate::values::money::Amount;

/// The texts of the pages in one language.
pub(super) struct PageTexts {
    pub locale: Locale,
    pub navigation: &'static str,
    pub timetable: &'static str,
    pub classes: &'static str,
    pub instructors: &'static str,
    pub contact: &'static str,
    /// The button that leads to the page of the site where a class can be booked.
    pub book_class: &'static str,
    pub needs_script: &'static str,
    pub with: &'static str,
    pub instructor: &'static str,
    pub room: &'static str,
    pub level: &'static str,
    pub price: &'static str,
    pub spots: &'static str,
    pub upcoming_dates: &'static str,
    pub no_upcoming_dates: &'static str,
    pub no_classes_of_instructor: &'static str,
    pub taught_by: &'static str,
    pub all_dates: &'static str,
    pub all_classes: &'static str,
    pub all_instructors: &'static str,
    pub next_page: &'static str,
    pub no_classes: &'static str,
    pub no_class_types: &'static str,
    pub no_instructors: &'static str,
    pub local_time_of: &'static str,
    pub not_found_title: &'static str,
    pub not_found_text: &'static str,
    /// Beginner, intermediate, advanced, all levels.
    levels: [&'static str; 4],
    free: &'static str,
    full: &'static str,
    cancelled: &'static str,
    waiting: &'static str,
    spot_left: [&'static str; 2],
    years: [&'static str; 2],
}

static ENGLISH: PageTexts = PageTexts {
    locale: Locale::En,
    navigation: "Main",
    timetable: "Timetable",
    classes: "Classes",
    instructors: "Teachers",
    contact: "Contact",
    book_class: "Book this class",
    needs_script: "This page works without JavaScript. To book a class, please turn JavaScript on, \
        or write to us.",
    with: "with",
    instructor: "Teacher",
    room: "Room",
    level: "Level",
    price: "Price",
    spots: "Spots",
    upcoming_dates: "Upcoming dates",
    no_upcoming_dates: "No date is planned yet. Ask us when it comes back.",
    no_classes_of_instructor: "No class is planned yet.",
    taught_by: "Taught by",
    all_dates: "All dates of this class",
    all_classes: "All classes",
    all_instructors: "All teachers",
    next_page: "Next page",
    no_classes: "There are no classes on these days.",
    no_class_types: "There are no classes at the moment. Please look again soon.",
    no_instructors: "There are no teachers at the moment. Please look again soon.",
    local_time_of: "All times are local times of",
    not_found_title: "Page not found",
    not_found_text: "This class is no longer offered, or this teacher no longer teaches here. Perhaps \
        you would like another class.",
    levels: ["Beginner", "Intermediate", "Advanced", "All levels"],
    free: "Free",
    full: "Full",
    cancelled: "Cancelled",
    waiting: "waiting",
    spot_left: ["1 spot left", "# spots left"],
    years: ["1 year of experience", "# years of experience"],
};

static SPANISH: PageTexts = PageTexts {
    locale: Locale::Es,
    navigation: "Principal",
    timetable: "Horario",
    classes: "Clases",
    instructors: "Profes",
    contact: "Contacto",
    book_class: "Reservar esta clase",
    needs_script: "Esta página funciona sin JavaScript. Para reservar una clase, activa JavaScript o \
        escríbenos.",
    with: "con",
    instructor: "Profe",
    room: "Sala",
    level: "Nivel",
    price: "Precio",
    spots: "Plazas",
    upcoming_dates: "Próximas fechas",
    no_upcoming_dates: "Aún no hay fechas. Pregúntanos cuándo vuelve.",
    no_classes_of_instructor: "Todavía no hay clases previstas.",
    taught_by: "Quién la da",
    all_dates: "Todas las fechas de esta clase",
    all_classes: "Todas las clases",
    all_instructors: "Todos los profes",
    next_page: "Página siguiente",
    no_classes: "No hay clases en estos días.",
    no_class_types: "Ahora mismo no hay clases. Vuelve a mirar pronto.",
    no_instructors: "Ahora mismo no hay profes. Vuelve a mirar pronto.",
    local_time_of: "Todas las horas son las locales de",
    not_found_title: "Página no encontrada",
    not_found_text: "Esta clase ya no se da, o esta persona ya no da clases aquí. Quizá te guste \
        otra clase.",
    levels: [
        "Principiantes",
        "Intermedio",
        "Avanzado",
        "Todos los niveles",
    ],
    free: "Gratis",
    full: "Completa",
    cancelled: "Cancelada",
    waiting: "en espera",
    spot_left: ["Queda 1 plaza", "Quedan # plazas"],
    years: ["1 año de experiencia", "# años de experiencia"],
};

impl PageTexts {
    /// Returns the texts in a language.
    pub(super) fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::En => &ENGLISH,
            Locale::Es => &SPANISH,
        }
    }

    /// Says that a class is booked with its course only.
    pub(super) fn only_with_course(&self, course: &str) -> String {
        match self.locale {
            Locale::En => format!("only with the course “{course}”"),
            Locale::Es => format!("solo con el curso «{course}»"),
        }
    }

    pub(super) fn timetable_description(&self, studio: &str) -> String {
        match self.locale {
            Locale::En => format!(
                "All classes of the coming days at {studio}, with teachers, prices and free \
                 spots."
            ),
            Locale::Es => format!(
                "Todas las clases de los próximos días en {studio}, con profes, precios y \
                 plazas libres."
            ),
        }
    }

    pub(super) fn classes_description(&self, studio: &str) -> String {
        match self.locale {
            Locale::En => format!(
                "What {studio} teaches, from the first step to the last detail: classes for \
                 every level."
            ),
            Locale::Es => format!(
                "Lo que enseña {studio}, del primer paso al último detalle: clases para todos \
                 los niveles."
            ),
        }
    }

    pub(super) fn instructors_description(&self, studio: &str) -> String {
        match self.locale {
            Locale::En => format!("Who teaches at {studio}, and when their next classes are."),
            Locale::Es => format!("Quién enseña en {studio}, y cuándo son sus próximas clases."),
        }
    }

    pub(super) fn level(&self, level: Level) -> &'static str {
        let index = match level {
            Level::Beginner => 0,
            Level::Intermediate => 1,
            Level::Advanced => 2,
            Level::AllLevels => 3,
        };
        self.levels[index]
    }

    /// Returns a price, such as `18.00 USD`.
    pub(super) fn price(&self, price: &Amount, currency: &str) -> String {
        match price.is_zero() {
            true => self.free.to_owned(),
            false => format!("{price} {currency}"),
        }
    }

    /// Returns whether a class has free spots, such as `3 spots left` or `Full, 7 waiting`.
    pub(super) fn availability(&self, class: &OccurrenceView) -> String {
        if class.is_cancelled {
            return self.cancelled.to_owned();
        }
        match (class.places_left, class.waitlist_length) {
            (..=0, 0) => self.full.to_owned(),
            (..=0, count) => format!("{}, {count} {}", self.full, self.waiting),
            (count, _) => plural(self.spot_left, count),
        }
    }

    /// Returns the level, the duration and the price of a class type.
    pub(super) fn class_type_facts(&self, class_type: &ClassTypeView) -> String {
        format!(
            "{} · {} min · {}",
            self.level(class_type.level),
            class_type.duration_minutes,
            self.price(&class_type.price, &class_type.currency)
        )
    }

    /// Returns the styles and the years of experience of an instructor.
    pub(super) fn instructor_facts(&self, profile: &InstructorView) -> String {
        let mut facts = profile.specialties.clone();
        if profile.experience_years > 0 {
            facts.push(plural(self.years, profile.experience_years));
        }
        facts.join(" · ")
    }
}

fn plural([one, other]: [&str; 2], count: i32) -> String {
    match count {
        1 => one.to_owned(),
        _ => other.replace('#', &count.to_string()),
    }
}
