"""The order model's columns of landing objects as Parquet, by Polars: FOLDER of .ndjson.zst, FILE to write."""

import glob
import sys

import polars as pl

folder, out = sys.argv[1:]
record = pl.col("record").struct
texts = ["id", "status", "payment_status", "fulfillment_status", "order_number"]
instants = ["created_at", "updated_at", "cancelled_at"]
amounts = ["total_price", "total_discount", "total_shipping", "total_tax"]
columns = [record.field(name).cast(pl.String) for name in texts]
columns += [record.field("iso_currency_code").alias("currency")]
columns += [record.field("customer").struct.field("id").alias("customer_id")]
columns += [record.field(name).cast(pl.String).str.to_datetime(time_zone="UTC", strict=False) for name in instants]
columns += [record.field(name).cast(pl.String).cast(pl.Decimal(18, 4)) for name in amounts]
columns += [record.json_encode().alias("_extra")]
columns += [pl.col(name) for name in ["_connection", "_stream", "_cursor", "_request_start", "_page", "_ordinal", "_run"]]
files = sorted(glob.glob(f"{folder}/**/*.ndjson.zst", recursive=True))
rows = pl.scan_ndjson(files, include_file_paths="_object", infer_schema_length=10_000)
rows.select([*columns, "_object"]).sink_parquet(out, compression="zstd")
