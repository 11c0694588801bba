// PocketBase without its log of requests and its mails on logins from new places; limits are off by default.
migrate((app) => {
  const settings = app.settings();
  settings.logs.maxDays = 0;
  app.save(settings);
  const users = app.findCollectionByNameOrId("users");
  users.authAlert.enabled = false;
  app.save(users);
});
