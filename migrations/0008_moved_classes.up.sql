-- When the start of an occurrence was last changed. Lists that are sorted by start are read
-- page by page, and an occurrence that moves in between must not be missed.
alter table scheduled_classes add column moved_at timestamptz;

create function note_moved_class() returns trigger language plpgsql as $$
begin
    new.moved_at = now();
    return new;
end
$$;

create trigger scheduled_classes_moved before update of start_time on scheduled_classes
    for each row when (old.start_time <> new.start_time) execute function note_moved_class();
