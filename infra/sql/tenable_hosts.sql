-- Athena's statements for one stream of the sample pipeline, as `lake` renders them from its
-- manifest. Fill in ${Database}, ${LakeBucket}, ${FirstMonth} (2024-01) and, comma-separated,
-- ${Tenants} and ${Connections}; run the statements one by one.

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`tenable_hosts_landing` (`line` string)
PARTITIONED BY (`tenant` string, `connection` string, `month` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/landing/tenable/hosts/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'projection.connection.type' = 'enum',
  'projection.connection.values' = '${Connections}',
  'projection.month.type' = 'date',
  'projection.month.format' = 'yyyy-MM',
  'projection.month.range' = '${FirstMonth},NOW',
  'projection.month.interval' = '1',
  'projection.month.interval.unit' = 'MONTHS',
  'storage.location.template' = 's3://${LakeBucket}/landing/tenable/hosts/tenant=${tenant}/connection=${connection}/month=${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`tenable_hosts_commits` (`line` string)
PARTITIONED BY (`tenant` string, `connection` string, `month` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/commits/tenable/hosts/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'projection.connection.type' = 'enum',
  'projection.connection.values' = '${Connections}',
  'projection.month.type' = 'date',
  'projection.month.format' = 'yyyy-MM',
  'projection.month.range' = '${FirstMonth},NOW',
  'projection.month.interval' = '1',
  'projection.month.interval.unit' = 'MONTHS',
  'storage.location.template' = 's3://${LakeBucket}/commits/tenable/hosts/tenant=${tenant}/connection=${connection}/month=${month}/'
);

CREATE OR REPLACE VIEW "${Database}"."tenable_hosts" AS
WITH commits AS (
  SELECT tenant, connection, line,
    json_extract_scalar(line, '$["mode"]') AS mode,
    json_extract_scalar(line, '$["started"]') AS started,
    CAST(json_extract_scalar(line, '$["fence"]') AS bigint) AS fence,
    json_extract_scalar(line, '$["partition"]') || '.' || json_extract_scalar(line, '$["slice"]') AS slice,
    CAST(json_extract_scalar(line, '$["generation"]["number"]') AS bigint) AS generation,
    CAST(json_extract_scalar(line, '$["generation"]["slices"]') AS bigint) AS slices
  FROM "${Database}"."tenable_hosts_commits"
  WHERE json_extract_scalar(line, '$["tenant"]') = tenant AND json_extract_scalar(line, '$["connection"]') = connection
), attempts AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection, generation, slice ORDER BY fence DESC) AS attempt
  FROM commits
), generations AS (
  SELECT tenant, connection, generation, min(started) AS started
  FROM commits WHERE mode = 'full_refresh'
  GROUP BY tenant, connection, generation
  HAVING count(DISTINCT slice) >= max(slices)
), whole AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection ORDER BY generation DESC) AS age
  FROM generations
), visible AS (
  SELECT a.tenant, a.connection, a.started, a.line
  FROM attempts a LEFT JOIN whole w
    ON w.tenant = a.tenant AND w.connection = a.connection AND w.age = 1
  WHERE CASE a.mode
    WHEN 'full_refresh' THEN a.attempt = 1 AND a.generation = w.generation
    ELSE w.started IS NULL OR a.started >= w.started END
), parts AS (
  SELECT tenant, connection, json_extract_scalar(part, '$["key"]') AS object, max(started) AS started
  FROM visible CROSS JOIN UNNEST(CAST(json_extract(line, '$["parts"]') AS array(json))) AS each (part)
  GROUP BY 1, 2, 3
), lines AS (
  SELECT tenant, connection,
    substr("$path", length('s3://${LakeBucket}/') + 1) AS object,
    json_extract_scalar(line, '$["_run"]') AS run,
    json_extract_scalar(line, '$["_request_start"]') AS request_start,
    json_extract_scalar(line, '$["_cursor"]') AS cursor,
    CAST(json_extract_scalar(line, '$["_page"]') AS bigint) AS page,
    CAST(json_extract_scalar(line, '$["_ordinal"]') AS bigint) AS ordinal,
    coalesce(json_extract_scalar(line, '$["_deleted"]') = 'true', false) AS deleted,
    json_format(json_extract(line, '$["_key"]')) AS key,
    substr(line, strpos(line, ',"record":') + 10, length(line) - strpos(line, ',"record":') - 10) AS record
  FROM "${Database}"."tenable_hosts_landing"
  WHERE json_extract_scalar(line, '$["_tenant"]') = tenant AND json_extract_scalar(line, '$["_connection"]') = connection
), shown AS (
  SELECT l.tenant, l.connection, l.object, l.run, l.cursor, l.page, l.ordinal, l.deleted,
    sha256(to_utf8(l.record)) AS digest, l.record,
    greatest(l.request_start, p.started) AS seen,
    CASE WHEN l.deleted THEN json_extract_scalar(l.key, '$["id"]') ELSE json_extract_scalar(l.record, '$["id"]') END AS key_1
  FROM lines l JOIN parts p
    ON p.tenant = l.tenant AND p.connection = l.connection AND p.object = l.object
), judged AS (
  SELECT *, max(CASE WHEN deleted THEN seen END) OVER (
    PARTITION BY tenant, connection, key_1) AS gone
  FROM shown WHERE key_1 IS NOT NULL
), ranked AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection, key_1
    ORDER BY cursor DESC NULLS LAST, seen DESC, object DESC, page DESC, ordinal DESC, digest DESC) AS place
  FROM judged WHERE NOT deleted AND (gone IS NULL OR seen >= gone)
)
SELECT
  json_extract_scalar(r.record, '$["id"]') AS "id",
  json_extract_scalar(r.record, '$["name"]') AS "name",
  json_extract_scalar(r.record, '$["host_name"]') AS "host_name",
  nullif(json_format(json_extract(r.record, '$["fqdns"]')), 'null') AS "fqdns",
  nullif(json_format(json_extract(r.record, '$["ipv4_addresses"]')), 'null') AS "ipv4_addresses",
  nullif(json_format(json_extract(r.record, '$["mac_addresses"]')), 'null') AS "mac_addresses",
  json_extract_scalar(r.record, '$["display_operating_system"]') AS "display_operating_system",
  json_extract_scalar(r.record, '$["aws_ec2_instance_id"]') AS "aws_ec2_instance_id",
  json_extract_scalar(r.record, '$["bios_id"]') AS "bios_id",
  nullif(json_format(json_extract(r.record, '$["installed_software"]')), 'null') AS "installed_software",
  nullif(json_format(json_extract(r.record, '$["first_observed"]')), 'null') AS "first_observed",
  nullif(json_format(json_extract(r.record, '$["last_observed"]')), 'null') AS "last_observed",
  try_cast(json_extract_scalar(r.record, '$["is_deleted"]') AS boolean) AS "is_deleted",
  r.tenant AS "_tenant",
  r.connection AS "_connection",
  r.cursor AS "_cursor",
  r.seen AS "_request_start",
  r.run AS "_run",
  r.object AS "_object",
  r.record AS "_record"
FROM ranked r
WHERE r.place = 1;

CREATE OR REPLACE VIEW "${Database}"."tenable_hosts_without_key" AS
WITH commits AS (
  SELECT tenant, connection, line,
    json_extract_scalar(line, '$["mode"]') AS mode,
    json_extract_scalar(line, '$["started"]') AS started,
    CAST(json_extract_scalar(line, '$["fence"]') AS bigint) AS fence,
    json_extract_scalar(line, '$["partition"]') || '.' || json_extract_scalar(line, '$["slice"]') AS slice,
    CAST(json_extract_scalar(line, '$["generation"]["number"]') AS bigint) AS generation,
    CAST(json_extract_scalar(line, '$["generation"]["slices"]') AS bigint) AS slices
  FROM "${Database}"."tenable_hosts_commits"
  WHERE json_extract_scalar(line, '$["tenant"]') = tenant AND json_extract_scalar(line, '$["connection"]') = connection
), attempts AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection, generation, slice ORDER BY fence DESC) AS attempt
  FROM commits
), generations AS (
  SELECT tenant, connection, generation, min(started) AS started
  FROM commits WHERE mode = 'full_refresh'
  GROUP BY tenant, connection, generation
  HAVING count(DISTINCT slice) >= max(slices)
), whole AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection ORDER BY generation DESC) AS age
  FROM generations
), visible AS (
  SELECT a.tenant, a.connection, a.started, a.line
  FROM attempts a LEFT JOIN whole w
    ON w.tenant = a.tenant AND w.connection = a.connection AND w.age = 1
  WHERE CASE a.mode
    WHEN 'full_refresh' THEN a.attempt = 1 AND a.generation = w.generation
    ELSE w.started IS NULL OR a.started >= w.started END
), parts AS (
  SELECT tenant, connection, json_extract_scalar(part, '$["key"]') AS object, max(started) AS started
  FROM visible CROSS JOIN UNNEST(CAST(json_extract(line, '$["parts"]') AS array(json))) AS each (part)
  GROUP BY 1, 2, 3
), lines AS (
  SELECT tenant, connection,
    substr("$path", length('s3://${LakeBucket}/') + 1) AS object,
    json_extract_scalar(line, '$["_run"]') AS run,
    json_extract_scalar(line, '$["_request_start"]') AS request_start,
    json_extract_scalar(line, '$["_cursor"]') AS cursor,
    CAST(json_extract_scalar(line, '$["_page"]') AS bigint) AS page,
    CAST(json_extract_scalar(line, '$["_ordinal"]') AS bigint) AS ordinal,
    coalesce(json_extract_scalar(line, '$["_deleted"]') = 'true', false) AS deleted,
    json_format(json_extract(line, '$["_key"]')) AS key,
    substr(line, strpos(line, ',"record":') + 10, length(line) - strpos(line, ',"record":') - 10) AS record
  FROM "${Database}"."tenable_hosts_landing"
  WHERE json_extract_scalar(line, '$["_tenant"]') = tenant AND json_extract_scalar(line, '$["_connection"]') = connection
), shown AS (
  SELECT l.tenant, l.connection, l.object, l.run, l.cursor, l.page, l.ordinal, l.deleted,
    sha256(to_utf8(l.record)) AS digest, l.record,
    greatest(l.request_start, p.started) AS seen,
    CASE WHEN l.deleted THEN json_extract_scalar(l.key, '$["id"]') ELSE json_extract_scalar(l.record, '$["id"]') END AS key_1
  FROM lines l JOIN parts p
    ON p.tenant = l.tenant AND p.connection = l.connection AND p.object = l.object
)
SELECT
  json_extract_scalar(r.record, '$["id"]') AS "id",
  json_extract_scalar(r.record, '$["name"]') AS "name",
  json_extract_scalar(r.record, '$["host_name"]') AS "host_name",
  nullif(json_format(json_extract(r.record, '$["fqdns"]')), 'null') AS "fqdns",
  nullif(json_format(json_extract(r.record, '$["ipv4_addresses"]')), 'null') AS "ipv4_addresses",
  nullif(json_format(json_extract(r.record, '$["mac_addresses"]')), 'null') AS "mac_addresses",
  json_extract_scalar(r.record, '$["display_operating_system"]') AS "display_operating_system",
  json_extract_scalar(r.record, '$["aws_ec2_instance_id"]') AS "aws_ec2_instance_id",
  json_extract_scalar(r.record, '$["bios_id"]') AS "bios_id",
  nullif(json_format(json_extract(r.record, '$["installed_software"]')), 'null') AS "installed_software",
  nullif(json_format(json_extract(r.record, '$["first_observed"]')), 'null') AS "first_observed",
  nullif(json_format(json_extract(r.record, '$["last_observed"]')), 'null') AS "last_observed",
  try_cast(json_extract_scalar(r.record, '$["is_deleted"]') AS boolean) AS "is_deleted",
  r.tenant AS "_tenant",
  r.connection AS "_connection",
  r.cursor AS "_cursor",
  r.seen AS "_request_start",
  r.run AS "_run",
  r.object AS "_object",
  r.record AS "_record"
FROM shown r
WHERE NOT r.deleted AND (key_1 IS NULL);
