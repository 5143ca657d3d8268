"""Runs the plan that `reco-cluster export` wrote, on DuckDB, Sail or Spark.

    python run.py duckdb WORK ratings=data/tables/ratings.parquet
    python run.py sail   WORK ratings=data/tables/ratings.parquet
    SPARK_REMOTE=sc://host:15002 python run.py spark WORK ratings=s3://shop/tables/ratings.parquet

WORK is the folder of `export`; every engine sees it, and leaves there what `reco-cluster import` reads. A plan that
begins with raw events is given `events=PATH`. DuckDB needs `duckdb`; Sail `pysail` and `pyspark-client`; Spark
`pyspark` or, for a cluster, `pyspark-client`.
"""

import pathlib
import re
import sys


class DuckDB:
    def __init__(self, work):
        import duckdb

        self.database = duckdb.connect(str(work / "work.duckdb"))
        self.database.execute(f"SET temp_directory = '{work / 'spill'}'")

    def run(self, sql):
        return self.database.execute(sql)

    def read(self, name, path):
        files = f"{path}/*.parquet" if pathlib.Path(path).is_dir() else path
        self.run(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{files}')")

    def view(self, name, sql):
        self.run(f"CREATE VIEW {name} AS {sql}")

    def keep(self, name, sql, path):
        # What had the name before is read until the new rows are there.
        self.run(f"CREATE TABLE kept_rows AS {sql}")
        self.run(f"DROP TABLE IF EXISTS {name}")
        self.run(f"ALTER TABLE kept_rows RENAME TO {name}")
        return self.run(f"SELECT COUNT(*) FROM {name}").fetchone()[0]

    def output(self, name, sql, path):
        self.run(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
        self.read(name, path)
        return self.run(f"SELECT COUNT(*) FROM {name}").fetchone()[0]

    def stop(self):
        self.database.close()


class Spark:
    def __init__(self, work):
        from pyspark.sql import SparkSession

        self.session = SparkSession.builder.getOrCreate()

    def read(self, name, path):
        self.session.read.parquet(str(path)).createOrReplaceTempView(name)

    def view(self, name, sql):
        self.session.sql(sql).createOrReplaceTempView(name)

    def keep(self, name, sql, path):
        self.session.sql(sql).write.parquet(str(path))
        self.read(name, path)
        return self.session.table(name).count()

    # Each of its files is sorted, whichever rows it has: they are merged when they are read.
    output = keep

    def stop(self):
        self.session.stop()


class Sail(Spark):
    def __init__(self, work):
        from pyspark.sql import SparkSession
        from pysail.spark import SparkConnectServer

        self.server = SparkConnectServer(port=0)
        self.server.start(background=True)
        _, port = self.server.listening_address
        self.session = SparkSession.builder.remote(f"sc://localhost:{port}").create()

    def keep(self, name, sql, path):
        frame = self.session.sql(sql)
        frame.write.parquet(str(path))
        if not path.is_dir():
            # Of no rows, no file is written.
            import pyarrow.parquet

            path.mkdir()
            pyarrow.parquet.write_table(frame.toArrow(), path / "empty.parquet")
        self.read(name, path)
        return self.session.table(name).count()

    output = keep

    def stop(self):
        super().stop()
        self.server.stop()


ENGINES = {"duckdb": DuckDB, "sail": Sail, "spark": Spark}


def steps(text):
    """Name, kind and SELECT of each step of a plan."""
    heads = r"^-- step: (\w+) \((\w+)\)\n"
    parts = re.split(heads, text, flags=re.MULTILINE)[1:]
    for name, kind, sql in zip(parts[::3], parts[1::3], parts[2::3]):
        yield name, kind, sql.strip().removesuffix(";")


def main(engine, work, *inputs):
    work = pathlib.Path(work).absolute()
    engine = ENGINES[engine](work)
    given = dict(given.split("=", 1) for given in inputs)
    for name in ("listed_users", "listed_items"):
        # A plan that begins with events makes them itself.
        if "events" not in given:
            given.setdefault(name, work / f"{name}.parquet")
    for name, path in given.items():
        engine.read(name, path)
    n_rows = {}
    for name, kind, sql in steps((work / "plan.sql").read_text()):
        path = work / f"{name}.parquet"
        if kind == "view":
            engine.view(name, sql)
            continue
        if kind == "rounds":
            n_round, n_before = 0, None
            while n_before != n_rows[name]:
                n_round, n_before = n_round + 1, n_rows[name]
                n_rows[name] = engine.keep(name, sql, work / f"{name}-{n_round}.parquet")
        else:
            run = engine.output if kind == "output" else engine.keep
            n_rows[name] = run(name, sql, path)
        print(f"{name:<16}{n_rows[name]:>14} rows", file=sys.stderr, flush=True)
    engine.stop()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ENGINES:
        sys.exit(__doc__)
    main(*sys.argv[1:])
