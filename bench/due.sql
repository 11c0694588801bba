-- For each number i a login and a session that have ended, over the {accounts} accounts in turn, and an entry of the trail that is kept no longer.

INSERT INTO logins (id, account_id, realm, kind, amr, created_at, ends_at, ip, agent, family_ends_at)
{numbers} SELECT i + 1, i % {accounts} + 1, 'main', 'cookie', 'pwd', {past} + i, {past} + i, {ip}, '{agent}', {past} FROM n;

INSERT INTO sessions (account_id, realm, digest, created_at, expires_at, seen_at, ip, agent, kind, login_id, amr, proved_at)
{numbers} SELECT i % {accounts} + 1, 'main', {digest}, {past} + i, {past} + i, {past}, {ip}, '{agent}', 'cookie', i + 1, 'pwd', {past} FROM n;

INSERT INTO audit (at, realm, account_id, event, result, ip, agent, request_id, detail)
{numbers} SELECT {past} + i, 'main', i % {accounts} + 1, 'login', 'ok', {ip}, '{agent}', 'r' || i, '' FROM n
