BEGIN TRANSACTION;
CREATE TABLE accounts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	realm TEXT NOT NULL, 
	password TEXT, 
	nickname TEXT NOT NULL, 
	locale TEXT NOT NULL, 
	created_at INTEGER NOT NULL, 
	created_ip TEXT NOT NULL, 
	locked_at INTEGER, 
	password_changed_at INTEGER
, invited_by INTEGER, invites_left INTEGER DEFAULT 0 NOT NULL, avatar TEXT DEFAULT '' NOT NULL, deletes_at INTEGER, public_id TEXT, security_stamp INTEGER DEFAULT 0 NOT NULL);
INSERT INTO "accounts" VALUES(1,'main','$argon2id$v=19$m=8,t=1,p=1$toy+old+4+xxxxxxxxxxxw$MOaYUraIYQRWN8fcoJoEq/fR6takq+1h6mlcd4PZOOk','','zh-Hans',1790000000000,'198.51.100.7',NULL,NULL,NULL,0,'',NULL,'1',0);
INSERT INTO "accounts" VALUES(2,'main','$argon2id$v=19$m=8,t=1,p=1$toy+old+22+xxxxxxxxxxw$YU8B6UVUbAk42S+B6Af+leITnJ/6H/ebsAPD4qWLh7Q','','zh-Hans',1790000000000,'198.51.100.8',NULL,NULL,NULL,0,'',NULL,'2',0);
INSERT INTO "accounts" VALUES(3,'main','$argon2id$v=19$m=8,t=1,p=1$toy+old+33+xxxxxxxxxxw$ZFHL8cxhvxcDzz6xOrCKmuHYlCjhvpQnoWKqmHYiqcU','','zh-Hans',1790000000000,'198.51.100.9',NULL,NULL,NULL,0,'',NULL,'3',0);
INSERT INTO "accounts" VALUES(4,'main','$argon2id$v=19$m=8,t=1,p=1$toy+old+42+xxxxxxxxxxw$GqPKKmgcP4FRw4kP73QO9vRDGhH3nZrbL99QpXEBMG0','','en',1790000000000,'198.51.100.10',NULL,NULL,NULL,0,'',NULL,'4',0);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at INTEGER NOT NULL, 
	realm TEXT NOT NULL, 
	account_id INTEGER, 
	event TEXT NOT NULL, 
	result TEXT NOT NULL, 
	ip TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,1790000000000,'main',1,'register','ok','198.51.100.7','python-httpx/0.28.1','toy-old-3-xxxxxx','');
INSERT INTO "audit" VALUES(2,1790000000000,'main',1,'activate','ok','198.51.100.7','python-httpx/0.28.1','toy-old-9-xxxxxx','');
INSERT INTO "audit" VALUES(3,1790000000000,'main',1,'login','ok','198.51.100.7','python-httpx/0.28.1','toy-old-10-xxxxx','');
INSERT INTO "audit" VALUES(4,1790000000000,'main',NULL,'register.ask','ok','198.51.100.8','python-httpx/0.28.1','toy-old-17-xxxxx','');
INSERT INTO "audit" VALUES(5,1790000000000,'main',2,'register','ok','198.51.100.8','python-httpx/0.28.1','toy-old-21-xxxxx','');
INSERT INTO "audit" VALUES(6,1790000000000,'main',2,'login','ok','198.51.100.8','python-httpx/0.28.1','toy-old-27-xxxxx','');
INSERT INTO "audit" VALUES(7,1790000000000,'main',3,'register','ok','198.51.100.9','python-httpx/0.28.1','toy-old-32-xxxxx','');
INSERT INTO "audit" VALUES(8,1790000000000,'main',3,'login','ok','198.51.100.9','python-httpx/0.28.1','toy-old-32-xxxxx','');
INSERT INTO "audit" VALUES(9,1790000000000,'main',3,'questions','ok','198.51.100.9','python-httpx/0.28.1','toy-old-36-xxxxx','');
INSERT INTO "audit" VALUES(10,1790000000000,'main',4,'register','ok','198.51.100.10','python-httpx/0.28.1','toy-old-41-xxxxx','');
INSERT INTO "audit" VALUES(11,1790000000000,'',NULL,'operator.client-add','ok','operator','lingpai','','billing');
INSERT INTO "audit" VALUES(12,1790000000000,'main',1,'reset.ask','ok','203.0.113.9','python-httpx/0.28.1','toy-old-48-xxxxx','');
CREATE TABLE clients (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "clients" VALUES(1,'billing',X'9C8026772C3C63837BFD7BFD54B3D37A8093119FD59A249B3E1BCE9BC8A856A1',1790000000000);
CREATE TABLE consents (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	version TEXT NOT NULL, 
	at INTEGER NOT NULL, 
	ip TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_consents_account FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
INSERT INTO "consents" VALUES(1,4,'terms','2026-11',1790000000000,'198.51.100.10');
CREATE TABLE entries (
	"key" TEXT NOT NULL, 
	value BLOB NOT NULL, 
	proof BLOB NOT NULL, 
	tries INTEGER NOT NULL, 
	expires_at INTEGER NOT NULL, 
	PRIMARY KEY ("key")
)
 WITHOUT ROWID

;
INSERT INTO "entries" VALUES('landed:reset:main:9b62a3a2bce7c868f30d60f0818e84d2',X'',X'',0,1790000060000);
INSERT INTO "entries" VALUES('letter:activate:36e95eedaa65975fc076951d1e390b4d74e9c8679d240783da86fd7313cc36d5',X'01B68CBEA2577EE38FB1C71C716F3F3C90060B2F6BB3FBFB6DFBA90E9519FBABD6621D4194190A0E60F59A5BFC45015F41152BF862FBF5',X'',0,1790086400000);
INSERT INTO "entries" VALUES('letter:activate:cc441123713db2f47c51d46ef5b7336f28114eda1b0e31f1cec910c89707788c',X'01B68CBEA2577EEBEC71C71C718FE7AEABDDC63706A7EAD551837F9902B15417653A177068A5A8C5036B2821CC7FCD278EE416C077CC93',X'',0,1790086400000);
INSERT INTO "entries" VALUES('letter:reset:4752f03334d0a9bf4f71010e092218bb6419e8aefe75f5d500926b9596c81f7d',X'01B68CBEA2577EE74FB1C71C71AB07A6286018F9D8EB915EEEC6928A54A9C402BEA3A60548F0127531DE9F3335F1B438736871B4EDB4E3',X'',0,1790010800000);
INSERT INTO "entries" VALUES('link:activate:main:az_mZO9gO3R1oZTA7FFhwLzov7q0m5OM3Mz3sHE5wVE',X'30',X'36E95EEDAA65975FC076951D1E390B4D74E9C8679D240783DA86FD7313CC36D5',0,1790086400000);
INSERT INTO "entries" VALUES('link:activate:main:icoHtBMxuwsMQ41gVdib3Jhz5pGN6Yw9Rb9G0fLNSTk',X'30',X'CC441123713DB2F47C51D46EF5B7336F28114EDA1B0E31F1CEC910C89707788C',0,1790086400000);
INSERT INTO "entries" VALUES('link:reset:main:icoHtBMxuwsMQ41gVdib3Jhz5pGN6Yw9Rb9G0fLNSTk',X'312030',X'4752F03334D0A9BF4F71010E092218BB6419E8AEFE75F5D500926B9596C81F7D',0,1790010800000);
INSERT INTO "entries" VALUES('no-notice:main:9b62a3a2bce7c868f30d60f0818e84d2',X'',X'',0,1790003600000);
INSERT INTO "entries" VALUES('no-notice:main:cba4f2da143eb1f9f7d4a44ce77da4d7',X'',X'',0,1790003600000);
INSERT INTO "entries" VALUES('no-notice:main:e5605fcab8447002d22009fa8bcd9de7',X'',X'',0,1790003600000);
INSERT INTO "entries" VALUES('sent:activate:main:9b62a3a2bce7c868f30d60f0818e84d2',X'313739303030303030303030302030',X'313739303030303030303030302030',0,1790003600000);
INSERT INTO "entries" VALUES('sent:activate:main:e5605fcab8447002d22009fa8bcd9de7',X'313739303030303030303030302030',X'313739303030303030303030302030',0,1790003600000);
INSERT INTO "entries" VALUES('sent:register:main:cba4f2da143eb1f9f7d4a44ce77da4d7',X'313739303030303030303030302030',X'313739303030303030303030302030',0,1790003600000);
INSERT INTO "entries" VALUES('sent:reset:main:9b62a3a2bce7c868f30d60f0818e84d2',X'313739303030303030303030302030',X'313739303030303030303030302030',0,1790003600000);
CREATE TABLE identifiers (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	realm TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	value TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	proved_at INTEGER, added_at INTEGER, asleep_at INTEGER, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_identifiers_account FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
INSERT INTO "identifiers" VALUES(1,1,'main','email','ada@example.com','ada@example.com',1790000000000,NULL,NULL);
INSERT INTO "identifiers" VALUES(2,2,'main','email','bob@example.com','bob@example.com',1790000000000,NULL,NULL);
INSERT INTO "identifiers" VALUES(3,3,'main','name','carol','carol',1790000000000,NULL,NULL);
INSERT INTO "identifiers" VALUES(4,4,'main','email','dan@example.com','dan@example.com',NULL,NULL,NULL);
CREATE TABLE installation (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "installation" VALUES('oldest_schema','0007');
CREATE TABLE invites (
	id INTEGER NOT NULL, 
	realm TEXT NOT NULL, 
	code TEXT NOT NULL, 
	owner_id INTEGER, 
	uses INTEGER NOT NULL, 
	used INTEGER NOT NULL, 
	created_at INTEGER NOT NULL, 
	expires_at INTEGER, 
	revoked_at INTEGER, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_invites_owner FOREIGN KEY(owner_id) REFERENCES accounts (id) ON DELETE SET NULL
);
INSERT INTO "invites" VALUES(1,'main','s7s3sz74fjvv',NULL,3,0,1790000000000,NULL,NULL);
CREATE TABLE letters (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	channel TEXT NOT NULL, 
	template TEXT NOT NULL, 
	recipient TEXT NOT NULL, 
	locale TEXT NOT NULL, 
	sealed BLOB, 
	account_id INTEGER, 
	created_at INTEGER NOT NULL, 
	due_at INTEGER NOT NULL, 
	expires_at INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	error TEXT NOT NULL, 
	lease_owner TEXT, 
	lease_until INTEGER, 
	ended_at INTEGER, 
	subject TEXT, 
	text TEXT, 
	html TEXT
);
INSERT INTO "letters" VALUES(1,'email','activate','ada@example.com','zh-Hans',NULL,1,1790000000000,1790000000000,1790086400000,1,'sent','',NULL,NULL,1790000000000,'激活您的 Lingpai 账号','有人用这个邮箱注册了 Lingpai 账号。如果是您本人，请激活账号。

时间：2026-09-21 14:13 UTC
来自 IP：198.51.100.7

激活账号：
http://127.0.0.1:8000/activate_account?email=ada%40example.com&vcode=w22zckjj73udlecosyowry2qix2xqdxlzfagwzcwc3moidrcty3k

链接在 24 小时内有效；重新发送激活邮件后，以最新一封为准。

不是您本人注册的？请不要激活：激活后，注册的人就能用他设的密码登录。您可以忽略这封邮件，也可以重置密码，让账号只归您所有：
http://127.0.0.1:8000/forgot?email=ada%40example.com

-- 
这封邮件由 Lingpai 自动发给 ada@example.com，请不要回复。','<!doctype html>
<html lang="zh-Hans">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>激活您的 Lingpai 账号</title>
<style>
  :root { color-scheme: light dark; }
  @media (prefers-color-scheme: dark) {
    .paper { background: #14171a !important; }
    .ink { color: #e6e9ed !important; }
    .muted { color: #a3adb8 !important; }
    .line { border-color: #343a42 !important; }
    .button { background: #447edb !important; border-color: #447edb !important; color: #000000 !important; }
    .link { color: #447edb !important; }
  }
</style>
</head>
<body class="paper" lang="zh-Hans" style="margin: 0; padding: 0; background: #ffffff; -webkit-text-size-adjust: 100%;">
<table class="paper" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="background: #ffffff;">
<tr><td align="center" style="padding: 32px 16px;">
<table class="ink" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" lang="zh-Hans" style="max-width: 480px; table-layout: fixed; text-align: left; color: #1b1f24; font: 16px/1.7 system-ui, -apple-system, ''Segoe UI'', ''PingFang SC'', ''Microsoft YaHei'', ''Noto Sans CJK SC'', sans-serif; overflow-wrap: anywhere; word-break: break-word;">
<tr><td class="line" style="padding: 0 0 12px; border-bottom: 1px solid #d8dde3; font-weight: 600;">Lingpai</td></tr>
<tr><td style="padding: 24px 0 0;">有人用这个邮箱注册了 Lingpai 账号。如果是您本人，请激活账号。</td></tr>
<tr><td class="muted" style="padding: 12px 0 0; color: #57606a; font-size: 15px;">时间：2026-09-21 14:13 UTC</td></tr>
<tr><td class="muted" style="padding: 0 0 0; color: #57606a; font-size: 15px;">来自 IP：198.51.100.7</td></tr>
<tr><td style="padding: 24px 0;"><a class="button" href="http://127.0.0.1:8000/activate_account?email=ada%40example.com&amp;vcode=w22zckjj73udlecosyowry2qix2xqdxlzfagwzcwc3moidrcty3k" style="display: inline-block; padding: 12px 28px; background: #0b57d0; border: 1px solid #0b57d0; border-radius: 6px; color: #ffffff; font-weight: 600; text-decoration: none;">激活账号</a></td></tr>
<tr><td class="muted" style="color: #57606a; font-size: 15px;">按钮点不开的话，请把下面的网址复制到浏览器打开：<br><a class="link" href="http://127.0.0.1:8000/activate_account?email=ada%40example.com&amp;vcode=w22zckjj73udlecosyowry2qix2xqdxlzfagwzcwc3moidrcty3k" style="color: #0b57d0; word-break: break-all;">http://127.0.0.1:8000/activate_account?email=ada%40example.com&amp;vcode=w22zckjj73udlecosyowry2qix2xqdxlzfagwzcwc3moidrcty3k</a></td></tr>
<tr><td class="muted" style="padding: 12px 0 0; color: #57606a; font-size: 15px;">链接在 24 小时内有效；重新发送激活邮件后，以最新一封为准。</td></tr>
<tr><td style="padding: 24px 0 0;">不是您本人注册的？请不要激活：激活后，注册的人就能用他设的密码登录。您可以忽略这封邮件，也可以重置密码，让账号只归您所有：<br><a class="link" href="http://127.0.0.1:8000/forgot?email=ada%40example.com" style="color: #0b57d0; font-size: 15px; word-break: break-all;">http://127.0.0.1:8000/forgot?email=ada%40example.com</a></td></tr>
<tr><td style="padding: 32px 0 0;"><div class="muted line" style="padding: 12px 0 0; border-top: 1px solid #d8dde3; color: #57606a; font-size: 14px;">这封邮件由 Lingpai 自动发给 ada@example.com，请不要回复。</div></td></tr>
</table>
</td></tr>
</table>
</body>
</html>');
INSERT INTO "letters" VALUES(2,'email','register_code','bob@example.com','zh-Hans',NULL,NULL,1790000000000,1790000000000,1790000600000,1,'sent','',NULL,NULL,1790000000000,'注册 Lingpai 的验证码','有人正在用这个邮箱注册 Lingpai。如果是您本人，请输入下面的验证码：

438592

验证码在 10 分钟内有效，只能用一次；重新发送后，以最新一封为准。

不是您本人？忽略这封邮件即可，不会注册任何账号。请不要把验证码告诉任何人。

-- 
这封邮件由 Lingpai 自动发给 bob@example.com，请不要回复。','<!doctype html>
<html lang="zh-Hans">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>注册 Lingpai 的验证码</title>
<style>
  :root { color-scheme: light dark; }
  @media (prefers-color-scheme: dark) {
    .paper { background: #14171a !important; }
    .ink { color: #e6e9ed !important; }
    .muted { color: #a3adb8 !important; }
    .line { border-color: #343a42 !important; }
    .button { background: #447edb !important; border-color: #447edb !important; color: #000000 !important; }
    .link { color: #447edb !important; }
  }
</style>
</head>
<body class="paper" lang="zh-Hans" style="margin: 0; padding: 0; background: #ffffff; -webkit-text-size-adjust: 100%;">
<table class="paper" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="background: #ffffff;">
<tr><td align="center" style="padding: 32px 16px;">
<table class="ink" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" lang="zh-Hans" style="max-width: 480px; table-layout: fixed; text-align: left; color: #1b1f24; font: 16px/1.7 system-ui, -apple-system, ''Segoe UI'', ''PingFang SC'', ''Microsoft YaHei'', ''Noto Sans CJK SC'', sans-serif; overflow-wrap: anywhere; word-break: break-word;">
<tr><td class="line" style="padding: 0 0 12px; border-bottom: 1px solid #d8dde3; font-weight: 600;">Lingpai</td></tr>
<tr><td style="padding: 24px 0 0;">有人正在用这个邮箱注册 Lingpai。如果是您本人，请输入下面的验证码：</td></tr>
<tr><td style="padding: 24px 0; font: 600 32px/1.2 ui-monospace, ''SF Mono'', Consolas, monospace; letter-spacing: 4px;">438592</td></tr>
<tr><td class="muted" style="padding: 12px 0 0; color: #57606a; font-size: 15px;">验证码在 10 分钟内有效，只能用一次；重新发送后，以最新一封为准。</td></tr>
<tr><td style="padding: 24px 0 0;">不是您本人？忽略这封邮件即可，不会注册任何账号。请不要把验证码告诉任何人。</td></tr>
<tr><td style="padding: 32px 0 0;"><div class="muted line" style="padding: 12px 0 0; border-top: 1px solid #d8dde3; color: #57606a; font-size: 14px;">这封邮件由 Lingpai 自动发给 bob@example.com，请不要回复。</div></td></tr>
</table>
</td></tr>
</table>
</body>
</html>');
INSERT INTO "letters" VALUES(3,'email','questions_changed','','zh-Hans',X'01B68CBEA2577EDFDFB1C71C711C7580F794A5348A0D26AFA140BCB34A02EECB289D495E98B6D7E182D044ED325EE5C1F0A1C48CFC1A997E9B5074689AB73327EAF6A9DF011EEF306A805588EB9307C9343FF3DC177A072EAD562BCF0B5261743940656FF68A3A2416AEBE03CC3E98459E6B69470DE994196EFDA4C47638DAF5D288490DF523E5653D02285BDF2296723F2D3523E08C58572DF4D7EE877368E448A05A2D3AFE1D5629F8456616DFA13D18B00265E675CE1B1CA44F6F1C46B86E5FCA4BF5A645033F20C9EA7AC33A3D8DE566799D46FA0A7F01667A14DDC560F719E3F4287C00FA606C01CEBF3183F9703E5FC17C3FE42BD7AA8EAAEBD6D73ADE360306FEDCDAE0BA',3,1790000000000,1790000000000,1790172800000,0,'waiting','',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "letters" VALUES(4,'email','activate','dan@example.com','en',X'01B68CBEA2577EE39FB1C71C7160304CAB82FB578F0DBEE78E11A90FE46E46AAA82D8F1D3DF7F266B587430A8C0BC22117206418848C6137168CFA7B605FEA2A6FBC3DE0A587FE0066905D9381A2AE22DDE0E8065458737D520848671FF17C52587118CB3014433B8054D8084D0C3B9140BB1794BBA3457C777D49D8467160A0348EA5D2CD355ADF243D32CAF12D6E4567BBD21F3C100BC55424482E10E9A2430AF27AB4CCE935778C226626477A40444ADB4161B0B5BE668DED706ADE187B9B08B8EBAAC00B784D5A126F5B2BC6DBFA3F5BEBEB5008700DE933162F526CC8C48F14E8665197529DB291027449B88494ACEB4DC05724C1C3DED131FC060D54C4A6C0932FEDC69130E788B27A045356D983A91705444F702F2F9B244227AE',4,1790000000000,1790000000000,1790086400000,0,'waiting','',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "letters" VALUES(5,'email','reset','ada@example.com','zh-Hans',X'01B68CBEA2577EE75FB1C71C71508047777FC3CE0E41A1127A01F0FDBAC6263557E2D63A89BFDA8B4912B2C3EF4AF4DDEE258A30D78E8E93B89C1E3B78D13DE7CA447D1E9577341F0AC683AC00C4C96D7B8E30C6A63C744E016FDD171785A1AFC14B541FA33FB327C13F6CD0D417F9BDC44BDF1C05947AE95B71016836FC06B66328FE292A9E44C7A14B2D50BE64E7E6B1EBF0192E31650E8BB9E40F0F9D9D1FEBAF2ED32100703DF60EFEF880760F',1,1790000000000,1790000000000,1790010800000,0,'waiting','',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE logins (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	account_id INTEGER NOT NULL, 
	realm TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	amr TEXT NOT NULL, 
	created_at INTEGER NOT NULL, 
	ends_at INTEGER NOT NULL, 
	ip TEXT NOT NULL, 
	agent TEXT NOT NULL, family_ends_at INTEGER DEFAULT 0 NOT NULL, 
	CONSTRAINT fk_logins_account FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
INSERT INTO "logins" VALUES(1,1,'main','cookie','pwd',1790000000000,1790086400000,'198.51.100.7','python-httpx/0.28.1',1797776000000);
INSERT INTO "logins" VALUES(2,2,'main','jwt','pwd',1790000000000,1790086400000,'198.51.100.8','python-httpx/0.28.1',1797776000000);
INSERT INTO "logins" VALUES(3,3,'main','cookie','pwd',1790000000000,1790086400000,'198.51.100.9','python-httpx/0.28.1',1797776000000);
CREATE TABLE questions (
	account_id INTEGER NOT NULL, 
	one TEXT NOT NULL, 
	two TEXT NOT NULL, 
	three TEXT NOT NULL, 
	answers TEXT NOT NULL, 
	set_at INTEGER NOT NULL, works_at INTEGER, asleep_at INTEGER, 
	PRIMARY KEY (account_id), 
	CONSTRAINT fk_questions_account FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
INSERT INTO "questions" VALUES(3,'Which is number one?','Which is number two?','Which is number three?','$argon2id$v=19$m=8,t=1,p=1$toy+old+37+xxxxxxxxxxw$ZfLF5d5TRCr6P0MSyMcvXaOz7gb/YSR2OsvfalEfUOk',1790000000000,NULL,NULL);
CREATE TABLE sessions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	account_id INTEGER NOT NULL, 
	realm TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	created_at INTEGER NOT NULL, 
	expires_at INTEGER NOT NULL, 
	seen_at INTEGER NOT NULL, 
	ip TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	kind TEXT DEFAULT 'cookie' NOT NULL, 
	login_id INTEGER NOT NULL, 
	amr TEXT NOT NULL, 
	proved_at INTEGER NOT NULL, renewed_at INTEGER, 
	CONSTRAINT fk_sessions_account FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_sessions_login FOREIGN KEY(login_id) REFERENCES logins (id) ON DELETE CASCADE
);
INSERT INTO "sessions" VALUES(1,1,'main',X'7A53DB62DC32A8299819E711D542F0F1B1EEDCEC4E423135B7E7EA54EAE86F7E',1790000000000,1790086400000,1790000000000,'198.51.100.7','python-httpx/0.28.1','cookie',1,'pwd',1790000000000,NULL);
INSERT INTO "sessions" VALUES(2,2,'main',X'9125E101F490B0672F1770E636E207B0538B8F3BDD9661BE8E14D4AC6C80A51A',1790000000000,1790086400000,1790000000000,'198.51.100.8','python-httpx/0.28.1','jwt',2,'pwd',1790000000000,NULL);
INSERT INTO "sessions" VALUES(3,3,'main',X'0888BD1AEC4807079337A1768BE14A1227E19C7AE932F4603445579E07C3C60C',1790000000000,1790086400000,1790000000000,'198.51.100.9','python-httpx/0.28.1','cookie',3,'pwd',1790000000000,NULL);
CREATE TABLE signing_keys (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kid TEXT NOT NULL, 
	follows TEXT NOT NULL, 
	alg TEXT NOT NULL, 
	public TEXT NOT NULL, 
	private BLOB, 
	created_at INTEGER NOT NULL, 
	signs_at INTEGER NOT NULL, 
	revoked_at INTEGER
);
INSERT INTO "signing_keys" VALUES(1,'aebb8ikut2is','','ES256','{"crv": "P-256", "x": "B-xEcAj5lPbw8EBWWubSCgHRUCFgu6SPLmL4Wx-sKE8", "y": "rS9kNkR8HoTDYHbxe9gmu0aPG7JCcSHA8W5yksRLOcQ", "kty": "EC", "alg": "ES256", "use": "sig", "kid": "aebb8ikut2is"}',X'01B68CBEA2577EDF4FB1C71C711D401C9EC8F592280BB857F9508F81E6AB76C15FCF32BBC0988BC13834C4896B43A3125FA795409F1A5EEBCCA4B5AC9A8E0B411DEB0ACF00D5491B962C8B8AE98643D4EFC77D7201543D6BF67CE91CB26DFAE8C58D3205162E6B489F06EC337E7E4921197EEA0D9FBB87990D522B847910B13CE23CF7C1BC5EB3563905EE930E33F3BFCF7CD1227A4F08F7FB6125CA39376EAC62A1B69031501257FFCD4BD2A7C9FC213691A8E799EF3B9EC5E15850B930970B1E237DB1B723F99A7FC0928877F68F152EF215462045',1790000000000,1790000000000,NULL);
CREATE UNIQUE INDEX uq_identifiers_account ON identifiers (account_id, kind, "key");
CREATE UNIQUE INDEX uq_identifiers_taken ON identifiers (realm, kind, "key") WHERE kind <> 'phone' OR proved_at IS NOT NULL;
CREATE INDEX ix_letters_due ON letters (due_at) WHERE state = 'waiting';
CREATE INDEX ix_letters_owner ON letters (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX ix_letters_state ON letters (state, id);
CREATE INDEX ix_letters_ended ON letters (ended_at);
CREATE INDEX ix_audit_account ON audit (account_id, id);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_entries_expires ON entries (expires_at);
CREATE UNIQUE INDEX uq_signing_keys_kid ON signing_keys (kid);
CREATE UNIQUE INDEX uq_signing_keys_follows ON signing_keys (follows);
CREATE UNIQUE INDEX uq_clients_name ON clients (name);
CREATE UNIQUE INDEX uq_invites_code ON invites (realm, code);
CREATE INDEX ix_invites_owner ON invites (owner_id);
CREATE INDEX ix_accounts_deletes ON accounts (deletes_at) WHERE deletes_at IS NOT NULL;
CREATE INDEX ix_consents_account ON consents (account_id);
CREATE UNIQUE INDEX uq_accounts_public_id ON accounts (realm, public_id);
CREATE INDEX ix_logins_ends ON logins (ends_at);
CREATE INDEX ix_logins_account ON logins (account_id);
CREATE INDEX ix_sessions_account ON sessions (account_id);
CREATE UNIQUE INDEX uq_sessions_digest ON sessions (digest);
CREATE INDEX ix_sessions_expires ON sessions (expires_at);
CREATE INDEX ix_sessions_login ON sessions (login_id);
CREATE INDEX ix_identifiers_unproved ON identifiers (account_id) WHERE kind = 'email' AND proved_at IS NULL;
CREATE INDEX ix_letters_account ON letters (account_id);
CREATE INDEX ix_letters_nobodys ON letters (channel) WHERE account_id IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',4);
INSERT INTO "sqlite_sequence" VALUES('letters',5);
INSERT INTO "sqlite_sequence" VALUES('logins',3);
INSERT INTO "sqlite_sequence" VALUES('sessions',3);
INSERT INTO "sqlite_sequence" VALUES('signing_keys',1);
COMMIT;
