alter table login_throttle drop column failed;
