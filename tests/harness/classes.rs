//! Inserts classes by SQL.

use uuid::Uuid;

use super::TestApp;

/// An occurrence to insert. Each occurrence has its own class type, instructor, and
/// room, so that there are no conflicts.
#[derive(Clone, Copy)]
pub struct NewClass {
    /// Hours from now to the start; negative for a class that has started. With `None`, the
    /// class starts three days from now, or when the last other class ends if that is later,
    /// because the bookings of a member cannot overlap.
    pub starts_in: Option<f64>,
    pub spots: i32,
    pub price: &'static str,
}

impl Default for NewClass {
    fn default() -> Self {
        Self {
            starts_in: None,
            spots: 20,
            price: "25.00",
        }
    }
}

impl TestApp {
    /// Inserts a class in three days or later with this many spots; returns its id.
    pub async fn create_class(&self, spots: i32) -> Uuid {
        self.create_class_with(NewClass {
            spots,
            ..NewClass::default()
        })
        .await
    }

    /// Inserts an occurrence; returns its id.
    pub async fn create_class_with(&self, class: NewClass) -> Uuid {
        let client = self.app.db().client().await.unwrap();
        let [class_type, instructor, occurrence] = [(); 3].map(|()| Uuid::now_v7());
        let NewClass {
            starts_in,
            spots,
            price,
        } = class;
        let start = match starts_in {
            Some(hours) => format!("now() + interval '1 hour' * {hours}"),
            None => "(select greatest(max(end_time), now() + interval '72 hours')
                from scheduled_classes)"
                .to_owned(),
        };
        let statements = format!(
            "insert into instructors (id, name) values ('{instructor}', 'Marisol Vega');
            insert into class_types (id, name, price_per_class, styles)
            values ('{class_type}', 'Salsa {class_type}', {price}, '{{salsa}}');
            insert into scheduled_classes (id, class_type_id, instructor_id, title,
                start_time, end_time, max_participants, room)
            select '{occurrence}', '{class_type}', '{instructor}', 'Salsa on a Friday',
                start_time, start_time + interval '1 hour', {spots}, 'Room {occurrence}'
            from (select {start} as start_time) t"
        );
        client.batch_execute(&statements).await.unwrap();
        occurrence
    }

    /// Inserts a class with three spots in Madrid, on the day on which the clocks go forward
    /// there: 17:30 UTC is 19:30. Sets the clock to some weeks before it. Returns its id.
    pub async fn create_class_on_clock_change(&self, title: &str) -> Uuid {
        self.set_clock("2027-03-01T12:00:00Z".parse().unwrap());
        let class = self.create_class(3).await;
        self.sql(&format!(
            "update scheduled_classes set start_time = '2027-03-28T17:30:00Z',
                end_time = '2027-03-28T18:30:00Z', title = '{title}', room = 'Sala Uno'
            where id = '{class}'"
        ))
        .await;
        class
    }
}
