-- Accounts i + 1 for each number i, with an address; one in {share} of them has a login that lives, others an entry of the trail, or a letter.
-- The newest 3 in 100 have been here for less than the days in which an address has to be proved: some of them have not done it.
-- Sessions were seen lately, as those are that are checked all day: the first check after ten minutes writes that down, others write nothing.

INSERT INTO accounts (id, realm, password, nickname, locale, created_at, created_ip, public_id)
{numbers} SELECT i + 1, 'main', '{phc}', 'somebody ' || i, 'zh-Hans', {born}, {ip}, CAST(i + 1 AS TEXT) FROM n;

INSERT INTO identifiers (account_id, realm, kind, value, key, proved_at, added_at)
{numbers} SELECT i + 1, 'main', 'email', {email}, {email}, CASE WHEN i < {old} OR i % {share} <> 2 THEN {born} END, {born} FROM n;

INSERT INTO logins (id, account_id, realm, kind, amr, created_at, ends_at, ip, agent, family_ends_at)
{numbers} SELECT i + 1, i + 1, 'main', 'cookie', 'pwd', {now} - i % {day}, {now} + 30 * {day} - i % {day}, {ip}, '{agent}', {now} + 90 * {day}
FROM n WHERE i % {share} = 0;

INSERT INTO sessions (account_id, realm, digest, created_at, expires_at, seen_at, ip, agent, kind, login_id, amr, proved_at)
{numbers} SELECT i + 1, 'main', {digest}, {now} - i % {day}, {now} + 30 * {day} - i % {day}, {now} + {day}, {ip}, '{agent}', 'cookie', i + 1, 'pwd',
{now} - i % {day} FROM n WHERE i % {share} = 0;

INSERT INTO audit (at, realm, account_id, event, result, ip, agent, request_id, detail)
{numbers} SELECT {now} - 90 * {day} + i, 'main', i + 1, 'login', 'ok', {ip}, '{agent}', 'r' || i || '-Q8x_2bLk', '' FROM n WHERE i % {share} < 2;

INSERT INTO letters (channel, template, recipient, locale, account_id, created_at, due_at, expires_at, attempts, state, error, ended_at)
{numbers} SELECT 'email', 'activate', {email}, 'zh-Hans', i + 1, {now} - 20 * {day} + i, {now} - 20 * {day} + i, {now}, 1, 'sent', '',
{now} - 20 * {day} + i FROM n WHERE i % {share} = 1
