alter table users drop column closed_at;
