--
-- PostgreSQL database dump
--

\restrict release

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.accounts (
    id bigint NOT NULL,
    realm text NOT NULL,
    password text,
    nickname text NOT NULL,
    locale text NOT NULL,
    created_at bigint NOT NULL,
    created_ip text NOT NULL,
    locked_at bigint,
    password_changed_at bigint,
    invited_by bigint,
    invites_left bigint DEFAULT 0 NOT NULL,
    avatar text DEFAULT ''::text NOT NULL,
    deletes_at bigint,
    public_id text,
    security_stamp bigint DEFAULT 0 NOT NULL
);


--
-- Name: accounts_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: accounts_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.accounts_id_seq OWNED BY public.accounts.id;


--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at bigint NOT NULL,
    realm text NOT NULL,
    account_id bigint,
    event text NOT NULL,
    result text NOT NULL,
    ip text NOT NULL,
    agent text NOT NULL,
    request_id text NOT NULL,
    detail text NOT NULL
);


--
-- Name: audit_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: audit_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.audit_id_seq OWNED BY public.audit.id;


--
-- Name: clients; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.clients (
    id bigint NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: clients_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.clients_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: clients_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.clients_id_seq OWNED BY public.clients.id;


--
-- Name: consents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.consents (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    document text NOT NULL,
    version text NOT NULL,
    at bigint NOT NULL,
    ip text NOT NULL
);


--
-- Name: consents_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.consents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: consents_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.consents_id_seq OWNED BY public.consents.id;


--
-- Name: counters; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.counters (
    key text NOT NULL,
    total bigint NOT NULL,
    expires_at bigint NOT NULL
);


--
-- Name: entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.entries (
    key text NOT NULL,
    value bytea NOT NULL,
    proof bytea NOT NULL,
    tries bigint NOT NULL,
    expires_at bigint NOT NULL
);


--
-- Name: identifiers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.identifiers (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    realm text NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    key text NOT NULL,
    proved_at bigint,
    added_at bigint,
    asleep_at bigint
);


--
-- Name: identifiers_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.identifiers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: identifiers_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.identifiers_id_seq OWNED BY public.identifiers.id;


--
-- Name: installation; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.installation (
    name text NOT NULL,
    value text NOT NULL
);


--
-- Name: invites; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invites (
    id bigint NOT NULL,
    realm text NOT NULL,
    code text NOT NULL,
    owner_id bigint,
    uses bigint NOT NULL,
    used bigint NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint
);


--
-- Name: invites_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.invites_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: invites_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.invites_id_seq OWNED BY public.invites.id;


--
-- Name: letters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.letters (
    id bigint NOT NULL,
    channel text NOT NULL,
    template text NOT NULL,
    recipient text NOT NULL,
    locale text NOT NULL,
    sealed bytea,
    account_id bigint,
    created_at bigint NOT NULL,
    due_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    attempts bigint NOT NULL,
    state text NOT NULL,
    error text NOT NULL,
    lease_owner text,
    lease_until bigint,
    ended_at bigint,
    subject text,
    text text,
    html text
);


--
-- Name: letters_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: letters_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.letters_id_seq OWNED BY public.letters.id;


--
-- Name: logins; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.logins (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    realm text NOT NULL,
    kind text NOT NULL,
    amr text NOT NULL,
    created_at bigint NOT NULL,
    ends_at bigint NOT NULL,
    ip text NOT NULL,
    agent text NOT NULL,
    family_ends_at bigint DEFAULT 0 NOT NULL
);


--
-- Name: logins_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.logins_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: logins_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.logins_id_seq OWNED BY public.logins.id;


--
-- Name: questions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.questions (
    account_id bigint NOT NULL,
    one text NOT NULL,
    two text NOT NULL,
    three text NOT NULL,
    answers text NOT NULL,
    set_at bigint NOT NULL,
    works_at bigint,
    asleep_at bigint
);


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    realm text NOT NULL,
    digest bytea NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    ip text NOT NULL,
    agent text NOT NULL,
    kind text DEFAULT 'cookie'::text NOT NULL,
    login_id bigint NOT NULL,
    amr text NOT NULL,
    proved_at bigint NOT NULL,
    renewed_at bigint
);


--
-- Name: sessions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: sessions_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.sessions_id_seq OWNED BY public.sessions.id;


--
-- Name: signing_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.signing_keys (
    id bigint NOT NULL,
    kid text NOT NULL,
    follows text NOT NULL,
    alg text NOT NULL,
    public text NOT NULL,
    private bytea,
    created_at bigint NOT NULL,
    signs_at bigint NOT NULL,
    revoked_at bigint
);


--
-- Name: signing_keys_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.signing_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: signing_keys_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.signing_keys_id_seq OWNED BY public.signing_keys.id;


--
-- Name: accounts id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts ALTER COLUMN id SET DEFAULT nextval('public.accounts_id_seq'::regclass);


--
-- Name: audit id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit ALTER COLUMN id SET DEFAULT nextval('public.audit_id_seq'::regclass);


--
-- Name: clients id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.clients ALTER COLUMN id SET DEFAULT nextval('public.clients_id_seq'::regclass);


--
-- Name: consents id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consents ALTER COLUMN id SET DEFAULT nextval('public.consents_id_seq'::regclass);


--
-- Name: identifiers id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identifiers ALTER COLUMN id SET DEFAULT nextval('public.identifiers_id_seq'::regclass);


--
-- Name: invites id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invites ALTER COLUMN id SET DEFAULT nextval('public.invites_id_seq'::regclass);


--
-- Name: letters id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.letters ALTER COLUMN id SET DEFAULT nextval('public.letters_id_seq'::regclass);


--
-- Name: logins id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.logins ALTER COLUMN id SET DEFAULT nextval('public.logins_id_seq'::regclass);


--
-- Name: sessions id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions ALTER COLUMN id SET DEFAULT nextval('public.sessions_id_seq'::regclass);


--
-- Name: signing_keys id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.signing_keys ALTER COLUMN id SET DEFAULT nextval('public.signing_keys_id_seq'::regclass);


--
-- Data for Name: accounts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.accounts VALUES (1, 'main', '$argon2id$v=19$m=8,t=1,p=1$toy+old+4+xxxxxxxxxxxw$MOaYUraIYQRWN8fcoJoEq/fR6takq+1h6mlcd4PZOOk', '', 'zh-Hans', 1790000000000, '198.51.100.7', NULL, NULL, NULL, 0, '', NULL, '1', 0);
INSERT INTO public.accounts VALUES (2, 'main', '$argon2id$v=19$m=8,t=1,p=1$toy+old+22+xxxxxxxxxxw$YU8B6UVUbAk42S+B6Af+leITnJ/6H/ebsAPD4qWLh7Q', '', 'zh-Hans', 1790000000000, '198.51.100.8', NULL, NULL, NULL, 0, '', NULL, '2', 0);
INSERT INTO public.accounts VALUES (3, 'main', '$argon2id$v=19$m=8,t=1,p=1$toy+old+33+xxxxxxxxxxw$ZFHL8cxhvxcDzz6xOrCKmuHYlCjhvpQnoWKqmHYiqcU', '', 'zh-Hans', 1790000000000, '198.51.100.9', NULL, NULL, NULL, 0, '', NULL, '3', 0);
INSERT INTO public.accounts VALUES (4, 'main', '$argon2id$v=19$m=8,t=1,p=1$toy+old+42+xxxxxxxxxxw$GqPKKmgcP4FRw4kP73QO9vRDGhH3nZrbL99QpXEBMG0', '', 'en', 1790000000000, '198.51.100.10', NULL, NULL, NULL, 0, '', NULL, '4', 0);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0007');


--
-- Data for Name: audit; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit VALUES (1, 1790000000000, 'main', 1, 'register', 'ok', '198.51.100.7', 'python-httpx/0.28.1', 'toy-old-3-xxxxxx', '');
INSERT INTO public.audit VALUES (2, 1790000000000, 'main', 1, 'activate', 'ok', '198.51.100.7', 'python-httpx/0.28.1', 'toy-old-9-xxxxxx', '');
INSERT INTO public.audit VALUES (3, 1790000000000, 'main', 1, 'login', 'ok', '198.51.100.7', 'python-httpx/0.28.1', 'toy-old-10-xxxxx', '');
INSERT INTO public.audit VALUES (4, 1790000000000, 'main', NULL, 'register.ask', 'ok', '198.51.100.8', 'python-httpx/0.28.1', 'toy-old-17-xxxxx', '');
INSERT INTO public.audit VALUES (5, 1790000000000, 'main', 2, 'register', 'ok', '198.51.100.8', 'python-httpx/0.28.1', 'toy-old-21-xxxxx', '');
INSERT INTO public.audit VALUES (6, 1790000000000, 'main', 2, 'login', 'ok', '198.51.100.8', 'python-httpx/0.28.1', 'toy-old-27-xxxxx', '');
INSERT INTO public.audit VALUES (7, 1790000000000, 'main', 3, 'register', 'ok', '198.51.100.9', 'python-httpx/0.28.1', 'toy-old-32-xxxxx', '');
INSERT INTO public.audit VALUES (8, 1790000000000, 'main', 3, 'login', 'ok', '198.51.100.9', 'python-httpx/0.28.1', 'toy-old-32-xxxxx', '');
INSERT INTO public.audit VALUES (9, 1790000000000, 'main', 3, 'questions', 'ok', '198.51.100.9', 'python-httpx/0.28.1', 'toy-old-36-xxxxx', '');
INSERT INTO public.audit VALUES (10, 1790000000000, 'main', 4, 'register', 'ok', '198.51.100.10', 'python-httpx/0.28.1', 'toy-old-41-xxxxx', '');
INSERT INTO public.audit VALUES (11, 1790000000000, '', NULL, 'operator.client-add', 'ok', 'operator', 'lingpai', '', 'billing');
INSERT INTO public.audit VALUES (12, 1790000000000, 'main', 1, 'reset.ask', 'ok', '203.0.113.9', 'python-httpx/0.28.1', 'toy-old-48-xxxxx', '');


--
-- Data for Name: clients; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.clients VALUES (1, 'billing', '\x9c8026772c3c63837bfd7bfd54b3d37a8093119fd59a249b3e1bce9bc8a856a1', 1790000000000);


--
-- Data for Name: consents; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.consents VALUES (1, 4, 'terms', '2026-11', 1790000000000, '198.51.100.10');


--
-- Data for Name: counters; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.counters VALUES ('limit:check_client:e183220b699c10a83ca7be3433d228ed', 0, 1790000060000);
INSERT INTO public.counters VALUES ('limit:register_client:e183220b699c10a83ca7be3433d228ed', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_stranger_daily:ffdcc1cec013c058466a90c05fe0a6f7', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_stranger:ffdcc1cec013c058466a90c05fe0a6f7', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_strangers_daily:92b5cb1ad31e5197dd99b1350adcf308', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_strangers:92b5cb1ad31e5197dd99b1350adcf308', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_purpose:92b5cb1ad31e5197dd99b1350adcf308', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_purpose_hourly:92b5cb1ad31e5197dd99b1350adcf308', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_client:e183220b699c10a83ca7be3433d228ed', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:login_client:e183220b699c10a83ca7be3433d228ed', 1, 1790000060000);
INSERT INTO public.counters VALUES ('limit:login_address:1d9e87fe4f1166e4974c663cc277078b', 1, 1790000060000);
INSERT INTO public.counters VALUES ('streak:under-way:a674aa85661988fc4a0c59443b4463c6:0', 0, 1790000060000);
INSERT INTO public.counters VALUES ('limit:message_stranger_daily:b86c8bc8a8dd73fd46a097939cafd3b4', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_stranger:b86c8bc8a8dd73fd46a097939cafd3b4', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_strangers_daily:1e2d47544588c779cc1b4247d05b2d65', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_strangers:1e2d47544588c779cc1b4247d05b2d65', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_purpose:1e2d47544588c779cc1b4247d05b2d65', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_purpose_hourly:1e2d47544588c779cc1b4247d05b2d65', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_address_daily:cba4f2da143eb1f9f7d4a44ce77da4d7', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_address:cba4f2da143eb1f9f7d4a44ce77da4d7', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_address_strangers_daily:cba4f2da143eb1f9f7d4a44ce77da4d7', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_address_strangers:cba4f2da143eb1f9f7d4a44ce77da4d7', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:code_guesses:1d66b2098203a551d546408b3f5f6739', 0, 1790086400000);
INSERT INTO public.counters VALUES ('limit:client_returned:c6564b81258864d8446712d18e3d345b', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_client:c53bee22afaf61cffd4076a3632d42f2', 0, 1790003600000);
INSERT INTO public.counters VALUES ('limit:client_returned:453b9c9373fb18ac9955cd8f549b9697', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:check_client:c53bee22afaf61cffd4076a3632d42f2', 0, 1790000060000);
INSERT INTO public.counters VALUES ('limit:client_returned:d9033f0bd616f21b0ca6160b5445b611', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:register_client:c53bee22afaf61cffd4076a3632d42f2', 0, 1790003600000);
INSERT INTO public.counters VALUES ('limit:captcha_client:c53bee22afaf61cffd4076a3632d42f2', 2, 1790000060000);
INSERT INTO public.counters VALUES ('limit:login_client:c53bee22afaf61cffd4076a3632d42f2', 1, 1790000060000);
INSERT INTO public.counters VALUES ('limit:login_address:cc43a1450b2936d35c1dd7838767a1ff', 1, 1790000060000);
INSERT INTO public.counters VALUES ('streak:under-way:1f45db29e9e56a2009d26316bbf8fcd9:0', 0, 1790000060000);
INSERT INTO public.counters VALUES ('limit:check_client:2ba3fdf22d357ae981aa678cb39463c2', 0, 1790000060000);
INSERT INTO public.counters VALUES ('limit:register_client:2ba3fdf22d357ae981aa678cb39463c2', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:change_account:aad1ee63ee8a048e7bed1615a5cc75f4', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:check_client:562ae54e815169e4b68b8396ffb6989b', 0, 1790000060000);
INSERT INTO public.counters VALUES ('limit:register_client:562ae54e815169e4b68b8396ffb6989b', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_stranger_daily:2cf01a5c9b11a6457a0297772e065e7c', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_stranger:2cf01a5c9b11a6457a0297772e065e7c', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_strangers_daily:49fcceac069154a915139a1e2acdf180', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_strangers:49fcceac069154a915139a1e2acdf180', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_purpose:49fcceac069154a915139a1e2acdf180', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_purpose_hourly:49fcceac069154a915139a1e2acdf180', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_client:562ae54e815169e4b68b8396ffb6989b', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_address_daily:e5605fcab8447002d22009fa8bcd9de7', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_address:e5605fcab8447002d22009fa8bcd9de7', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_address_strangers_daily:e5605fcab8447002d22009fa8bcd9de7', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_address_strangers:e5605fcab8447002d22009fa8bcd9de7', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_stranger_daily:828e14b6087223487b745105257a429e', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_stranger:828e14b6087223487b745105257a429e', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_strangers_daily:160e93e2583ce59f2d6b99a074286fc3', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_strangers:160e93e2583ce59f2d6b99a074286fc3', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_purpose:160e93e2583ce59f2d6b99a074286fc3', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_purpose_hourly:160e93e2583ce59f2d6b99a074286fc3', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_client:d861b7e91033ebc1c1e8e7af39290101', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_address_daily:9b62a3a2bce7c868f30d60f0818e84d2', 2, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_address:9b62a3a2bce7c868f30d60f0818e84d2', 2, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_address_strangers_daily:9b62a3a2bce7c868f30d60f0818e84d2', 2, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_address_strangers:9b62a3a2bce7c868f30d60f0818e84d2', 2, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_stranger_daily:690b3ffcf2305bfbb78b2d4da5940623', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_stranger:690b3ffcf2305bfbb78b2d4da5940623', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_strangers_daily:b9e4da2bcb402baa80ea73812ffb4f9b', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_strangers:b9e4da2bcb402baa80ea73812ffb4f9b', 1, 1790003600000);
INSERT INTO public.counters VALUES ('limit:message_purpose:b9e4da2bcb402baa80ea73812ffb4f9b', 1, 1790086400000);
INSERT INTO public.counters VALUES ('limit:message_purpose_hourly:b9e4da2bcb402baa80ea73812ffb4f9b', 1, 1790003600000);


--
-- Data for Name: entries; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.entries VALUES ('sent:activate:main:9b62a3a2bce7c868f30d60f0818e84d2', '\x313739303030303030303030302030', '\x313739303030303030303030302030', 0, 1790003600000);
INSERT INTO public.entries VALUES ('link:activate:main:icoHtBMxuwsMQ41gVdib3Jhz5pGN6Yw9Rb9G0fLNSTk', '\x30', '\xcc441123713db2f47c51d46ef5b7336f28114eda1b0e31f1cec910c89707788c', 0, 1790086400000);
INSERT INTO public.entries VALUES ('letter:activate:cc441123713db2f47c51d46ef5b7336f28114eda1b0e31f1cec910c89707788c', '\x01b68cbea2577eebec71c71c718fe7aeabddc63706a7ead551837f9902b15417653a177068a5a8c5036b2821cc7fcd278ee416c077cc93', '\x', 0, 1790086400000);
INSERT INTO public.entries VALUES ('no-notice:main:9b62a3a2bce7c868f30d60f0818e84d2', '\x', '\x', 0, 1790003600000);
INSERT INTO public.entries VALUES ('sent:register:main:cba4f2da143eb1f9f7d4a44ce77da4d7', '\x313739303030303030303030302030', '\x313739303030303030303030302030', 0, 1790003600000);
INSERT INTO public.entries VALUES ('no-notice:main:cba4f2da143eb1f9f7d4a44ce77da4d7', '\x', '\x', 0, 1790003600000);
INSERT INTO public.entries VALUES ('sent:activate:main:e5605fcab8447002d22009fa8bcd9de7', '\x313739303030303030303030302030', '\x313739303030303030303030302030', 0, 1790003600000);
INSERT INTO public.entries VALUES ('link:activate:main:az_mZO9gO3R1oZTA7FFhwLzov7q0m5OM3Mz3sHE5wVE', '\x30', '\x36e95eedaa65975fc076951d1e390b4d74e9c8679d240783da86fd7313cc36d5', 0, 1790086400000);
INSERT INTO public.entries VALUES ('letter:activate:36e95eedaa65975fc076951d1e390b4d74e9c8679d240783da86fd7313cc36d5', '\x01b68cbea2577ee38fb1c71c716f3f3c90060b2f6bb3fbfb6dfba90e9519fbabd6621d4194190a0e60f59a5bfc45015f41152bf862fbf5', '\x', 0, 1790086400000);
INSERT INTO public.entries VALUES ('no-notice:main:e5605fcab8447002d22009fa8bcd9de7', '\x', '\x', 0, 1790003600000);
INSERT INTO public.entries VALUES ('sent:reset:main:9b62a3a2bce7c868f30d60f0818e84d2', '\x313739303030303030303030302030', '\x313739303030303030303030302030', 0, 1790003600000);
INSERT INTO public.entries VALUES ('landed:reset:main:9b62a3a2bce7c868f30d60f0818e84d2', '\x', '\x', 0, 1790000060000);
INSERT INTO public.entries VALUES ('link:reset:main:icoHtBMxuwsMQ41gVdib3Jhz5pGN6Yw9Rb9G0fLNSTk', '\x312030', '\x4752f03334d0a9bf4f71010e092218bb6419e8aefe75f5d500926b9596c81f7d', 0, 1790010800000);
INSERT INTO public.entries VALUES ('letter:reset:4752f03334d0a9bf4f71010e092218bb6419e8aefe75f5d500926b9596c81f7d', '\x01b68cbea2577ee74fb1c71c71ab07a6286018f9d8eb915eeec6928a54a9c402bea3a60548f0127531de9f3335f1b438736871b4edb4e3', '\x', 0, 1790010800000);


--
-- Data for Name: identifiers; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.identifiers VALUES (2, 1, 'main', 'email', 'ada@example.com', 'ada@example.com', 1790000000000, NULL, NULL);
INSERT INTO public.identifiers VALUES (3, 2, 'main', 'email', 'bob@example.com', 'bob@example.com', 1790000000000, NULL, NULL);
INSERT INTO public.identifiers VALUES (4, 3, 'main', 'name', 'carol', 'carol', 1790000000000, NULL, NULL);
INSERT INTO public.identifiers VALUES (5, 4, 'main', 'email', 'dan@example.com', 'dan@example.com', NULL, NULL, NULL);


--
-- Data for Name: installation; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.installation VALUES ('oldest_schema', '0007');


--
-- Data for Name: invites; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.invites VALUES (1, 'main', 's7s3sz74fjvv', NULL, 3, 0, 1790000000000, NULL, NULL);


--
-- Data for Name: letters; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.letters VALUES (1, 'email', 'activate', 'ada@example.com', 'zh-Hans', NULL, 1, 1790000000000, 1790000000000, 1790086400000, 1, 'sent', '', NULL, NULL, 1790000000000, '激活您的 Lingpai 账号', '有人用这个邮箱注册了 Lingpai 账号。如果是您本人，请激活账号。

时间：2026-09-21 14:13 UTC
来自 IP：198.51.100.7

激活账号：
http://127.0.0.1:8000/activate_account?email=ada%40example.com&vcode=w22zckjj73udlecosyowry2qix2xqdxlzfagwzcwc3moidrcty3k

链接在 24 小时内有效；重新发送激活邮件后，以最新一封为准。

不是您本人注册的？请不要激活：激活后，注册的人就能用他设的密码登录。您可以忽略这封邮件，也可以重置密码，让账号只归您所有：
http://127.0.0.1:8000/forgot?email=ada%40example.com

-- 
这封邮件由 Lingpai 自动发给 ada@example.com，请不要回复。', '<!doctype html>
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
INSERT INTO public.letters VALUES (2, 'email', 'register_code', 'bob@example.com', 'zh-Hans', NULL, NULL, 1790000000000, 1790000000000, 1790000600000, 1, 'sent', '', NULL, NULL, 1790000000000, '注册 Lingpai 的验证码', '有人正在用这个邮箱注册 Lingpai。如果是您本人，请输入下面的验证码：

438592

验证码在 10 分钟内有效，只能用一次；重新发送后，以最新一封为准。

不是您本人？忽略这封邮件即可，不会注册任何账号。请不要把验证码告诉任何人。

-- 
这封邮件由 Lingpai 自动发给 bob@example.com，请不要回复。', '<!doctype html>
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
INSERT INTO public.letters VALUES (3, 'email', 'questions_changed', '', 'zh-Hans', '\x01b68cbea2577edfdfb1c71c711c7580f794a5348a0d26afa140bcb34a02eecb289d495e98b6d7e182d044ed325ee5c1f0a1c48cfc1a997e9b5074689ab73327eaf6a9df011eef306a805588eb9307c9343ff3dc177a072ead562bcf0b5261743940656ff68a3a2416aebe03cc3e98459e6b69470de994196efda4c47638daf5d288490df523e5653d02285bdf2296723f2d3523e08c58572df4d7ee877368e448a05a2d3afe1d5629f8456616dfa13d18b00265e675ce1b1ca44f6f1c46b86e5fca4bf5a645033f20c9ea7ac33a3d8de566799d46fa0a7f01667a14ddc560f719e3f4287c00fa606c01cebf3183f9703e5fc17c3fe42bd7aa8eaaebd6d73ade360306fedcdae0ba', 3, 1790000000000, 1790000000000, 1790172800000, 0, 'waiting', '', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.letters VALUES (4, 'email', 'activate', 'dan@example.com', 'en', '\x01b68cbea2577ee39fb1c71c7160304cab82fb578f0dbee78e11a90fe46e46aaa82d8f1d3df7f266b587430a8c0bc22117206418848c6137168cfa7b605fea2a6fbc3de0a587fe0066905d9381a2ae22dde0e8065458737d520848671ff17c52587118cb3014433b8054d8084d0c3b9140bb1794bba3457c777d49d8467160a0348ea5d2cd355adf243d32caf12d6e4567bbd21f3c100bc55424482e10e9a2430af27ab4cce935778c226626477a40444adb4161b0b5be668ded706ade187b9b08b8ebaac00b784d5a126f5b2bc6dbfa3f5bebeb5008700de933162f526cc8c48f14e8665197529db291027449b88494aceb4dc05724c1c3ded131fc060d54c4a6c0932fedc69130e788b27a045356d983a91705444f702f2f9b244227ae', 4, 1790000000000, 1790000000000, 1790086400000, 0, 'waiting', '', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.letters VALUES (5, 'email', 'reset', 'ada@example.com', 'zh-Hans', '\x01b68cbea2577ee75fb1c71c71508047777fc3ce0e41a1127a01f0fdbac6263557e2d63a89bfda8b4912b2c3ef4af4ddee258a30d78e8e93b89c1e3b78d13de7ca447d1e9577341f0ac683ac00c4c96d7b8e30c6a63c744e016fdd171785a1afc14b541fa33fb327c13f6cd0d417f9bdc44bdf1c05947ae95b71016836fc06b66328fe292a9e44c7a14b2d50be64e7e6b1ebf0192e31650e8bb9e40f0f9d9d1febaf2ed32100703df60efef880760f', 1, 1790000000000, 1790000000000, 1790010800000, 0, 'waiting', '', NULL, NULL, NULL, NULL, NULL, NULL);


--
-- Data for Name: logins; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.logins VALUES (2, 1, 'main', 'cookie', 'pwd', 1790000000000, 1790086400000, '198.51.100.7', 'python-httpx/0.28.1', 1797776000000);
INSERT INTO public.logins VALUES (3, 2, 'main', 'jwt', 'pwd', 1790000000000, 1790086400000, '198.51.100.8', 'python-httpx/0.28.1', 1797776000000);
INSERT INTO public.logins VALUES (4, 3, 'main', 'cookie', 'pwd', 1790000000000, 1790086400000, '198.51.100.9', 'python-httpx/0.28.1', 1797776000000);


--
-- Data for Name: questions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.questions VALUES (3, 'Which is number one?', 'Which is number two?', 'Which is number three?', '$argon2id$v=19$m=8,t=1,p=1$toy+old+37+xxxxxxxxxxw$ZfLF5d5TRCr6P0MSyMcvXaOz7gb/YSR2OsvfalEfUOk', 1790000000000, NULL, NULL);


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions VALUES (2, 1, 'main', '\x7a53db62dc32a8299819e711d542f0f1b1eedcec4e423135b7e7ea54eae86f7e', 1790000000000, 1790086400000, 1790000000000, '198.51.100.7', 'python-httpx/0.28.1', 'cookie', 2, 'pwd', 1790000000000, NULL);
INSERT INTO public.sessions VALUES (3, 2, 'main', '\x9125e101f490b0672f1770e636e207b0538b8f3bdd9661be8e14d4ac6c80a51a', 1790000000000, 1790086400000, 1790000000000, '198.51.100.8', 'python-httpx/0.28.1', 'jwt', 3, 'pwd', 1790000000000, NULL);
INSERT INTO public.sessions VALUES (4, 3, 'main', '\x0888bd1aec4807079337a1768be14a1227e19c7ae932f4603445579e07c3c60c', 1790000000000, 1790086400000, 1790000000000, '198.51.100.9', 'python-httpx/0.28.1', 'cookie', 4, 'pwd', 1790000000000, NULL);


--
-- Data for Name: signing_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.signing_keys VALUES (1, 'aebb8ikut2is', '', 'ES256', '{"crv": "P-256", "x": "1QWlPDZvSQpR5oxwxyd2m8G_gg56dWES9l6AptXbyx8", "y": "M7mmhBm7ThBNbbH4QmhhqHxj43rA_qQJhbY8Fk89tsY", "kty": "EC", "alg": "ES256", "use": "sig", "kid": "aebb8ikut2is"}', '\x01b68cbea2577edf4fb1c71c711d401c9ec8f592280bb857f9508f81e6ab76c15fcf32bbb3e4a4e80b31f4ca5442b137528daf60b016588ae2fbbaa1a8aa78100c8a1ccc75d4336eb120fe9bdbbb43d4efc77d7201543d6bc918bd1a9444c5e7d98a240f2d044104ab52e3367a06501b6a7ad20fa3999e925d6747c55408db49d92cffc1bc5eb3563905ee937223dcb1d754d108314340ecf8642595103f79ec678ab18020107248c3dc48c291faed252dda8fa6a5976c9ec5e15850b930970b1e237db1b7237f2abd3d3e665b1cac62953d2286b76c', 1790000000000, 1790000000000, NULL);


--
-- Name: accounts_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.accounts_id_seq', 4, true);


--
-- Name: audit_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_id_seq', 12, true);


--
-- Name: clients_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.clients_id_seq', 1, true);


--
-- Name: consents_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.consents_id_seq', 1, true);


--
-- Name: identifiers_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.identifiers_id_seq', 5, true);


--
-- Name: invites_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.invites_id_seq', 1, true);


--
-- Name: letters_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.letters_id_seq', 5, true);


--
-- Name: logins_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.logins_id_seq', 4, true);


--
-- Name: sessions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.sessions_id_seq', 4, true);


--
-- Name: signing_keys_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.signing_keys_id_seq', 1, true);


--
-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: audit audit_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);


--
-- Name: clients clients_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (id);


--
-- Name: consents consents_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (id);


--
-- Name: counters counters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (key);


--
-- Name: entries entries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (key);


--
-- Name: identifiers identifiers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identifiers
    ADD CONSTRAINT identifiers_pkey PRIMARY KEY (id);


--
-- Name: installation installation_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name);


--
-- Name: invites invites_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_pkey PRIMARY KEY (id);


--
-- Name: letters letters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.letters
    ADD CONSTRAINT letters_pkey PRIMARY KEY (id);


--
-- Name: logins logins_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.logins
    ADD CONSTRAINT logins_pkey PRIMARY KEY (id);


--
-- Name: questions questions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.questions
    ADD CONSTRAINT questions_pkey PRIMARY KEY (account_id);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: signing_keys signing_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (id);


--
-- Name: ix_accounts_deletes; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_accounts_deletes ON public.accounts USING btree (deletes_at) WHERE (deletes_at IS NOT NULL);


--
-- Name: ix_audit_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_audit_account ON public.audit USING btree (account_id, id);


--
-- Name: ix_audit_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_audit_at ON public.audit USING btree (at);


--
-- Name: ix_consents_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_consents_account ON public.consents USING btree (account_id);


--
-- Name: ix_counters_expires; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_counters_expires ON public.counters USING btree (expires_at);


--
-- Name: ix_entries_expires; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_entries_expires ON public.entries USING btree (expires_at);


--
-- Name: ix_identifiers_unproved; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_identifiers_unproved ON public.identifiers USING btree (account_id) WHERE ((kind = 'email'::text) AND (proved_at IS NULL));


--
-- Name: ix_invites_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_invites_owner ON public.invites USING btree (owner_id);


--
-- Name: ix_letters_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letters_account ON public.letters USING btree (account_id);


--
-- Name: ix_letters_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letters_due ON public.letters USING btree (due_at) WHERE (state = 'waiting'::text);


--
-- Name: ix_letters_ended; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letters_ended ON public.letters USING btree (ended_at);


--
-- Name: ix_letters_nobodys; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letters_nobodys ON public.letters USING btree (channel) WHERE (account_id IS NULL);


--
-- Name: ix_letters_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letters_owner ON public.letters USING btree (lease_owner) WHERE (lease_owner IS NOT NULL);


--
-- Name: ix_letters_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_letters_state ON public.letters USING btree (state, id);


--
-- Name: ix_logins_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_logins_account ON public.logins USING btree (account_id);


--
-- Name: ix_logins_ends; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_logins_ends ON public.logins USING btree (ends_at);


--
-- Name: ix_sessions_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_account ON public.sessions USING btree (account_id);


--
-- Name: ix_sessions_expires; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_expires ON public.sessions USING btree (expires_at);


--
-- Name: ix_sessions_login; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_login ON public.sessions USING btree (login_id);


--
-- Name: uq_accounts_public_id; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_accounts_public_id ON public.accounts USING btree (realm, public_id);


--
-- Name: uq_clients_name; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_clients_name ON public.clients USING btree (name);


--
-- Name: uq_identifiers_account; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_identifiers_account ON public.identifiers USING btree (account_id, kind, key);


--
-- Name: uq_identifiers_taken; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_identifiers_taken ON public.identifiers USING btree (realm, kind, key) WHERE ((kind <> 'phone'::text) OR (proved_at IS NOT NULL));


--
-- Name: uq_invites_code; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_invites_code ON public.invites USING btree (realm, code);


--
-- Name: uq_sessions_digest; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_sessions_digest ON public.sessions USING btree (digest);


--
-- Name: uq_signing_keys_follows; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_signing_keys_follows ON public.signing_keys USING btree (follows);


--
-- Name: uq_signing_keys_kid; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_signing_keys_kid ON public.signing_keys USING btree (kid);


--
-- Name: consents fk_consents_account; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT fk_consents_account FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: identifiers fk_identifiers_account; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identifiers
    ADD CONSTRAINT fk_identifiers_account FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: invites fk_invites_owner; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT fk_invites_owner FOREIGN KEY (owner_id) REFERENCES public.accounts(id) ON DELETE SET NULL;


--
-- Name: logins fk_logins_account; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.logins
    ADD CONSTRAINT fk_logins_account FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: questions fk_questions_account; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.questions
    ADD CONSTRAINT fk_questions_account FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: sessions fk_sessions_account; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_account FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: sessions fk_sessions_login; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_login FOREIGN KEY (login_id) REFERENCES public.logins(id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--

\unrestrict release

