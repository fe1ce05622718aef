//! Classes to book, put into the tables past the application.

use uuid::Uuid;

use super::TestApp;

/// An occurrence to be made. Each has a type, an instructor and a room of its
/// own, so that none is in another's way.
#[derive(Clone, Copy)]
pub struct NewClass {
    /// Hours from now to its start; below 0, it has begun.
    pub starts_in: f64,
    pub places: i32,
    pub price: &'static str,
}

impl Default for NewClass {
    fn default() -> Self {
        Self {
            starts_in: 72.0,
            places: 20,
            price: "25.00",
        }
    }
}

impl TestApp {
    /// A class in three days, with so many places.
    pub async fn create_class(&self, places: i32) -> Uuid {
        self.create_class_with(NewClass {
            places,
            ..NewClass::default()
        })
        .await
    }

    /// An occurrence; returns its id.
    pub async fn create_class_with(&self, class: NewClass) -> Uuid {
        let client = self.app.db().client().await.unwrap();
        let [class_type, instructor, occurrence] = [(); 3].map(|()| Uuid::now_v7());
        let NewClass {
            starts_in,
            places,
            price,
        } = class;
        let make = format!(
            "insert into instructors (id, name) values ('{instructor}', 'Marisol Vega');
            insert into class_types (id, name, price_per_class, styles)
            values ('{class_type}', 'Salsa {class_type}', {price}, '{{salsa}}');
            insert into scheduled_classes (id, class_type_id, instructor_id, title,
                start_time, end_time, max_participants, room)
            select '{occurrence}', '{class_type}', '{instructor}', 'Salsa on a Friday',
                s, s + interval '1 hour', {places}, 'Room {occurrence}'
            from (select now() + interval '1 hour' * {starts_in} as s) start"
        );
        client.batch_execute(&make).await.unwrap();
        occurrence
    }
}
