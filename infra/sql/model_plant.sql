-- Athena's statements for one standard model, as `lake` renders them from its file. Fill in
-- ${Database}, ${LakeBucket}, ${FirstMonth} (2024-01) and, comma-separated, ${Tenants}; run the
-- statements one by one.

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_plant_files` (
  `provider` string,
  `id` bigint,
  `label` string,
  `state` string,
  `growth_phase` string,
  `strain` string,
  `location` string,
  `batch_id` bigint,
  `batch` string,
  `is_on_hold` boolean,
  `planted_date` date,
  `vegetative_date` date,
  `flowering_date` date,
  `harvested_date` date,
  `destroyed_date` date,
  `wet_weight` decimal(18,6),
  `wet_weight_unit` string,
  `last_modified` timestamp,
  `_connection` string,
  `_source` string,
  `_stream` string,
  `_record_key` string,
  `_place` bigint,
  `_kind` string,
  `_cursor` string,
  `_request_start` string,
  `_object` string,
  `_line` bigint,
  `_page` bigint,
  `_ordinal` bigint,
  `_run` string,
  `_extra` string,
  `_version` bigint
)
PARTITIONED BY (`tenant` string, `month` string)
STORED AS PARQUET
LOCATION 's3://${LakeBucket}/curated/plant/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'projection.month.type' = 'date',
  'projection.month.format' = 'yyyy-MM',
  'projection.month.range' = '${FirstMonth},NOW',
  'projection.month.interval' = '1',
  'projection.month.interval.unit' = 'MONTHS',
  'storage.location.template' = 's3://${LakeBucket}/curated/plant/tenant=${tenant}/month=${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_plant_snapshots` (
  `provider` string,
  `id` bigint,
  `label` string,
  `state` string,
  `growth_phase` string,
  `strain` string,
  `location` string,
  `batch_id` bigint,
  `batch` string,
  `is_on_hold` boolean,
  `planted_date` date,
  `vegetative_date` date,
  `flowering_date` date,
  `harvested_date` date,
  `destroyed_date` date,
  `wet_weight` decimal(18,6),
  `wet_weight_unit` string,
  `last_modified` timestamp,
  `_connection` string,
  `_source` string,
  `_stream` string,
  `_record_key` string,
  `_place` bigint,
  `_kind` string,
  `_cursor` string,
  `_request_start` string,
  `_object` string,
  `_line` bigint,
  `_page` bigint,
  `_ordinal` bigint,
  `_run` string,
  `_extra` string,
  `_version` bigint,
  `_mode` string,
  `_generation` bigint,
  `_started` string
)
PARTITIONED BY (`tenant` string)
STORED AS PARQUET
LOCATION 's3://${LakeBucket}/snapshot/plant/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'storage.location.template' = 's3://${LakeBucket}/snapshot/plant/tenant=${tenant}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_plant_receipts` (`line` string)
PARTITIONED BY (`tenant` string, `month` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/receipts/plant/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'projection.month.type' = 'date',
  'projection.month.format' = 'yyyy-MM',
  'projection.month.range' = '${FirstMonth},NOW',
  'projection.month.interval' = '1',
  'projection.month.interval.unit' = 'MONTHS',
  'storage.location.template' = 's3://${LakeBucket}/receipts/plant/tenant=${tenant}/month=${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_plant_pointers` (`line` string)
PARTITIONED BY (`tenant` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/pointers/plant/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'storage.location.template' = 's3://${LakeBucket}/pointers/plant/tenant=${tenant}/'
);

CREATE OR REPLACE VIEW "${Database}"."model_plant" AS
WITH receipts AS (
  SELECT tenant AS _tenant, json_extract_scalar(line, '$["connection"]') AS _connection, json_extract_scalar(line, '$["source"]') AS _source,
    json_extract_scalar(line, '$["stream"]') AS _stream, line,
    json_extract_scalar(line, '$["commit"]') AS commit_key,
    json_extract_scalar(line, '$["mode"]') AS mode,
    json_extract_scalar(line, '$["started"]') AS started,
    CAST(json_extract_scalar(line, '$["fence"]') AS bigint) AS fence,
    json_extract_scalar(line, '$["partition"]') || '.' || json_extract_scalar(line, '$["slice"]') AS slice,
    CAST(json_extract_scalar(line, '$["generation"]["number"]') AS bigint) AS generation,
    CAST(json_extract_scalar(line, '$["generation"]["slices"]') AS bigint) AS slices,
    CAST(json_extract_scalar(line, '$["version"]') AS bigint) AS version,
    json_extract_scalar(line, '$["at"]') AS taken,
    json_extract_scalar(line, '$["revision"]') AS revision
  FROM "${Database}"."model_plant_receipts"
  WHERE json_extract_scalar(line, '$["tenant"]') = tenant
), turns AS (
  SELECT *, row_number() OVER (
    PARTITION BY _tenant, commit_key ORDER BY version DESC, taken DESC, revision DESC) AS turn
  FROM receipts
), counting AS (
  SELECT *, row_number() OVER (
    PARTITION BY _tenant, _connection, _source, _stream, generation, slice ORDER BY fence DESC) AS attempt
  FROM turns WHERE turn = 1
), pointers AS (
  SELECT tenant AS _tenant, line FROM "${Database}"."model_plant_pointers" WHERE json_extract_scalar(line, '$["tenant"]') = tenant
), generations AS (
  SELECT _tenant, _connection, _source, _stream, generation, min(started) AS started
  FROM counting WHERE mode = 'full_refresh'
  GROUP BY _tenant, _connection, _source, _stream, generation
  HAVING count(DISTINCT slice) >= max(slices)
  UNION ALL
  SELECT _tenant, json_extract_scalar(item, '$["connection"]'), json_extract_scalar(item, '$["source"]'), json_extract_scalar(item, '$["stream"]'),
    CAST(json_extract_scalar(item, '$["number"]') AS bigint), json_extract_scalar(item, '$["started"]')
  FROM pointers CROSS JOIN UNNEST(CAST(json_extract(line, '$["generations"]') AS array(json))) AS each (item)
), whole AS (
  SELECT *, row_number() OVER (
    PARTITION BY _tenant, _connection, _source, _stream ORDER BY generation DESC, started) AS age
  FROM generations
), visible AS (
  SELECT a.*
  FROM counting a LEFT JOIN whole w ON a._tenant = w._tenant AND a._connection = w._connection AND a._source = w._source AND a._stream = w._stream AND w.age = 1
  WHERE CASE a.mode
    WHEN 'full_refresh' THEN a.attempt = 1 AND a.generation = w.generation
    ELSE w.started IS NULL OR a.started >= w.started END
), named AS (
  SELECT _tenant, _connection, _source, _stream, started, version, taken, revision,
    json_extract_scalar(item, '$["object"]') AS object, json_extract_scalar(item, '$["file"]') AS file
  FROM visible CROSS JOIN UNNEST(CAST(json_extract(line, '$["parts"]') AS array(json))) AS each (item)
), parts AS (
  SELECT *, max(started) OVER (PARTITION BY _tenant, _connection, _source, _stream, object) AS seen,
    row_number() OVER (PARTITION BY _tenant, _connection, _source, _stream, object
      ORDER BY version DESC, taken DESC, revision DESC) AS turn
  FROM named
), snapshot AS (
  SELECT _tenant, json_extract_scalar(item, '$') AS file FROM pointers CROSS JOIN UNNEST(CAST(json_extract(line, '$["files"]') AS array(json))) AS each (item)
), live AS (
  SELECT "provider", "id", "label", "state", "growth_phase", "strain", "location", "batch_id", "batch", "is_on_hold", "planted_date", "vegetative_date", "flowering_date", "harvested_date", "destroyed_date", "wet_weight", "wet_weight_unit", "last_modified", tenant AS _tenant, _connection, _source, _stream, _record_key, _place, _kind, _cursor, _request_start, _object, _line, _page, _ordinal, _run, _extra, _version, _file FROM (SELECT *, substr("$path", length('s3://${LakeBucket}/') + 1) AS _file FROM "${Database}"."model_plant_files") f
), kept AS (
  SELECT "provider", "id", "label", "state", "growth_phase", "strain", "location", "batch_id", "batch", "is_on_hold", "planted_date", "vegetative_date", "flowering_date", "harvested_date", "destroyed_date", "wet_weight", "wet_weight_unit", "last_modified", tenant AS _tenant, _connection, _source, _stream, _record_key, _place, _kind, _cursor, _request_start, _object, _line, _page, _ordinal, _run, _extra, _version, _mode, _generation, _started, _file
  FROM (SELECT *, substr("$path", length('s3://${LakeBucket}/') + 1) AS _file FROM "${Database}"."model_plant_snapshots") s
), entries AS (
  SELECT f._tenant, f."provider", f."id", f."label", f."state", f."growth_phase", f."strain", f."location", f."batch_id", f."batch", f."is_on_hold", f."planted_date", f."vegetative_date", f."flowering_date", f."harvested_date", f."destroyed_date", f."wet_weight", f."wet_weight_unit", f."last_modified", f._connection, f._source, f._stream, f._record_key, f._place, f._kind, f._cursor, f._request_start, f._object, f._line, f._page, f._ordinal, f._run, f._extra, f._version, greatest(f._request_start, p.seen) AS _seen, 1 AS _live
  FROM live f JOIN parts p
    ON f._tenant = p._tenant AND f._connection = p._connection AND f._source = p._source AND f._stream = p._stream AND p.object = f._object AND p.file = f._file AND p.turn = 1
  UNION ALL
  SELECT s._tenant, s."provider", s."id", s."label", s."state", s."growth_phase", s."strain", s."location", s."batch_id", s."batch", s."is_on_hold", s."planted_date", s."vegetative_date", s."flowering_date", s."harvested_date", s."destroyed_date", s."wet_weight", s."wet_weight_unit", s."last_modified", s._connection, s._source, s._stream, s._record_key, s._place, s._kind, s._cursor, s._request_start, s._object, s._line, s._page, s._ordinal, s._run, s._extra, s._version, greatest(greatest(s._request_start, s._started), coalesce(p.seen, '')) AS _seen, 0 AS _live
  FROM kept s JOIN snapshot q ON q._tenant = s._tenant AND q.file = s._file
  LEFT JOIN parts p ON s._tenant = p._tenant AND s._connection = p._connection AND s._source = p._source AND s._stream = p._stream AND p.object = s._object AND p.turn = 1
  LEFT JOIN whole w ON s._tenant = w._tenant AND s._connection = w._connection AND s._source = w._source AND s._stream = w._stream AND w.age = 1
  WHERE (p.version IS NULL OR p.version <= s._version)
    AND (p.object IS NOT NULL OR CASE s._mode
      WHEN 'full_refresh' THEN s._generation = w.generation
      ELSE w.started IS NULL OR s._started >= w.started END)
), judged AS (
  SELECT *, max(CASE WHEN _kind = 'gone' THEN _seen END) OVER (
    PARTITION BY _tenant, _connection, _source, _stream, _record_key) AS _gone
  FROM entries
), ranked AS (
  SELECT *, rank() OVER (
    PARTITION BY _tenant, _connection, _source, _stream, _record_key
    ORDER BY _cursor DESC NULLS LAST, _seen DESC, _object DESC, _page DESC, _ordinal DESC, _line DESC, _version DESC, _live DESC) AS _turn
  FROM judged WHERE _kind <> 'gone' AND (_gone IS NULL OR _seen >= _gone)
)
SELECT
  "provider",
  "id",
  "label",
  "state",
  "growth_phase",
  "strain",
  "location",
  "batch_id",
  "batch",
  "is_on_hold",
  "planted_date",
  "vegetative_date",
  "flowering_date",
  "harvested_date",
  "destroyed_date",
  "wet_weight",
  "wet_weight_unit",
  "last_modified",
  _tenant,
  _connection,
  _source,
  _stream,
  _record_key,
  _place,
  _cursor,
  _seen AS _request_start,
  _object,
  _line,
  _run,
  _extra,
  _version
FROM ranked
WHERE _turn = 1 AND _kind = 'row';
