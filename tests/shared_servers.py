"""What all shared places of one test process stand on."""

from itertools import count

import psycopg

from holdfast.blobs.s3_options import S3Options
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_options import PostgresOptions
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway

_KEEP_FIRST_ROWS = """
    CREATE SCHEMA kept;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'holdfast' LOOP
            EXECUTE format('CREATE TABLE kept.%I AS SELECT * FROM holdfast.%I', name, name);
        END LOOP;
    END $$
"""
_SEND_AWAY = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_OTHER_SCHEMAS = """
    SELECT nspname FROM pg_namespace
    WHERE nspname NOT IN ('holdfast', 'kept', 'public', 'information_schema') AND nspname NOT LIKE 'pg\\_%'
"""
_MAKE_AS_NEW = """
    SET LOCAL session_replication_role = replica;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'holdfast' LOOP
            EXECUTE format('DELETE FROM holdfast.%I', name);
            EXECUTE format('INSERT INTO holdfast.%I OVERRIDING SYSTEM VALUE SELECT * FROM kept.%I', name, name);
        END LOOP;
        FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'holdfast' LOOP
            PERFORM setval(format('holdfast.%I', name)::regclass, 1, false);
        END LOOP;
    END $$
"""


class Servers:
    """What all shared places of one test process stand on: two servers, databases with an untouched catalog, a bucket.

    Making a database takes as long as a whole test; so one that is given back is emptied, and serves the next.
    """

    def __init__(self, postgres: Postgres, gateway: RadosGateway) -> None:
        self.postgres = postgres
        self.gateway = gateway
        self._bucket = gateway.new_bucket()
        self._free: list[str] = []
        self._numbers = count()

    def take_database(self) -> str:
        """The name of a database with a catalog that nobody has used."""
        if self._free:
            return self._free.pop()
        made = self.postgres.new_database()
        PostgresCatalog(PostgresOptions(self.postgres.url(made))).close()
        with psycopg.connect(self.postgres.url(made)) as connection:
            connection.execute(_KEEP_FIRST_ROWS)
        return made

    def give_back(self, name: str) -> None:
        """Whoever still works with the database is sent away, and what was written to it is forgotten."""
        with psycopg.connect(self.postgres.url(name)) as connection:
            connection.execute(_SEND_AWAY)
            # Where somebody rebuilt the catalog, or moved one here, there is more than rows.
            is_emptied = connection.execute(_OTHER_SCHEMAS).fetchone() is None
            if is_emptied:
                connection.execute(_MAKE_AS_NEW)
        if is_emptied:
            self._free.append(name)
        else:
            self.postgres.drop_database(name)

    def empty(self, name: str) -> None:
        """Another database under the same name, without anything."""
        self.postgres.drop_database(name)
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())

    def new_prefix(self) -> S3Options:
        """A part of the bucket where nothing is."""
        gateway = self.gateway
        return S3Options(
            bucket=self._bucket,
            prefix=f"place{next(self._numbers)}",
            endpoint=gateway.endpoint,
            region=gateway.region,
            access_key_id=gateway.access_key,
            secret_access_key=gateway.secret_key,
        )

    def clear(self, part: S3Options) -> None:
        """Nothing lies there any more."""
        client = self.gateway.client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=part.bucket, Prefix=f"{part.prefix}/"):
            if found := [{"Key": one["Key"]} for one in page.get("Contents", [])]:
                client.delete_objects(Bucket=part.bucket, Delete={"Objects": found, "Quiet": True})
