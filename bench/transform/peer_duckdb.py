"""The order model's columns of landing objects as Parquet, by DuckDB: FOLDER of .ndjson.zst, FILE to write, MEMORY limit."""

import sys

import duckdb

folder, out, *memory = sys.argv[1:]
db = duckdb.connect()
db.execute("SET threads = 1")
db.execute("SET preserve_insertion_order = false")
if memory:
    db.execute(f"SET memory_limit = '{memory[0]}'")
texts = ["id", "status", "payment_status", "fulfillment_status", "order_number"]
instants = ["created_at", "updated_at", "cancelled_at"]
amounts = ["total_price", "total_discount", "total_shipping", "total_tax"]
columns = [f"record->>'$.{name}' AS {name}" for name in texts]
columns += ["record->>'$.iso_currency_code' AS currency", "record->>'$.customer.id' AS customer_id"]
columns += [f"CAST(record->>'$.{name}' AS TIMESTAMPTZ) AS {name}" for name in instants]
columns += [f"CAST(record->>'$.{name}' AS DECIMAL(18, 4)) AS {name}" for name in amounts]
columns += ["record AS _extra", "_connection", "_stream", "_cursor", "_request_start", "_page", "_ordinal", "_run"]
columns += ["filename AS _object"]
shape = {"record": "JSON", "_page": "BIGINT", "_ordinal": "BIGINT"}
shape |= {name: "VARCHAR" for name in ["_connection", "_stream", "_cursor", "_request_start", "_run"]}
source = f"read_json('{folder}/**/*.ndjson.zst', format = 'newline_delimited', columns = {shape}, filename = true)"
db.execute(f"COPY (SELECT {', '.join(columns)} FROM {source}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
