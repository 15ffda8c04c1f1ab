-- Athena's statements for one stream of the sample pipeline, as `lake` renders them from its
-- manifest. Fill in ${Database}, ${LakeBucket}, ${FirstMonth} (2024-01) and, comma-separated,
-- ${Tenants} and ${Connections}; run the statements one by one.

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`qualys_hosts_landing` (`line` string)
PARTITIONED BY (`tenant` string, `connection` string, `month` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/landing/qualys/hosts/'
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
  'storage.location.template' = 's3://${LakeBucket}/landing/qualys/hosts/tenant=${tenant}/connection=${connection}/month=${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`qualys_hosts_commits` (`line` string)
PARTITIONED BY (`tenant` string, `connection` string, `month` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/commits/qualys/hosts/'
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
  'storage.location.template' = 's3://${LakeBucket}/commits/qualys/hosts/tenant=${tenant}/connection=${connection}/month=${month}/'
);

CREATE OR REPLACE VIEW "${Database}"."qualys_hosts" AS
WITH commits AS (
  SELECT tenant, connection, line,
    json_extract_scalar(line, '$["mode"]') AS mode,
    json_extract_scalar(line, '$["started"]') AS started,
    CAST(json_extract_scalar(line, '$["fence"]') AS bigint) AS fence,
    json_extract_scalar(line, '$["partition"]') || '.' || json_extract_scalar(line, '$["slice"]') AS slice,
    CAST(json_extract_scalar(line, '$["generation"]["number"]') AS bigint) AS generation,
    CAST(json_extract_scalar(line, '$["generation"]["slices"]') AS bigint) AS slices
  FROM "${Database}"."qualys_hosts_commits"
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
  FROM "${Database}"."qualys_hosts_landing"
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
  try_cast(json_extract_scalar(r.record, '$["id"]') AS bigint) AS "id",
  json_extract_scalar(r.record, '$["name"]') AS "name",
  json_extract_scalar(r.record, '$["dnsHostName"]') AS "dnshostname",
  json_extract_scalar(r.record, '$["fqdn"]') AS "fqdn",
  json_extract_scalar(r.record, '$["address"]') AS "address",
  json_extract_scalar(r.record, '$["os"]') AS "os",
  nullif(json_format(json_extract(r.record, '$["agentInfo"]')), 'null') AS "agentinfo",
  nullif(json_format(json_extract(r.record, '$["networkInterface"]')), 'null') AS "networkinterface",
  nullif(json_format(json_extract(r.record, '$["software"]')), 'null') AS "software",
  nullif(json_format(json_extract(r.record, '$["sourceInfo"]')), 'null') AS "sourceinfo",
  json_extract_scalar(r.record, '$["created"]') AS "created",
  json_extract_scalar(r.record, '$["modified"]') AS "modified",
  nullif(json_format(json_extract(r.record, '$["lastVulnScan"]')), 'null') AS "lastvulnscan",
  r.tenant AS "_tenant",
  r.connection AS "_connection",
  r.cursor AS "_cursor",
  r.seen AS "_request_start",
  r.run AS "_run",
  r.object AS "_object",
  r.record AS "_record"
FROM ranked r
WHERE r.place = 1;

CREATE OR REPLACE VIEW "${Database}"."qualys_hosts_without_key" AS
WITH commits AS (
  SELECT tenant, connection, line,
    json_extract_scalar(line, '$["mode"]') AS mode,
    json_extract_scalar(line, '$["started"]') AS started,
    CAST(json_extract_scalar(line, '$["fence"]') AS bigint) AS fence,
    json_extract_scalar(line, '$["partition"]') || '.' || json_extract_scalar(line, '$["slice"]') AS slice,
    CAST(json_extract_scalar(line, '$["generation"]["number"]') AS bigint) AS generation,
    CAST(json_extract_scalar(line, '$["generation"]["slices"]') AS bigint) AS slices
  FROM "${Database}"."qualys_hosts_commits"
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
  FROM "${Database}"."qualys_hosts_landing"
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
  try_cast(json_extract_scalar(r.record, '$["id"]') AS bigint) AS "id",
  json_extract_scalar(r.record, '$["name"]') AS "name",
  json_extract_scalar(r.record, '$["dnsHostName"]') AS "dnshostname",
  json_extract_scalar(r.record, '$["fqdn"]') AS "fqdn",
  json_extract_scalar(r.record, '$["address"]') AS "address",
  json_extract_scalar(r.record, '$["os"]') AS "os",
  nullif(json_format(json_extract(r.record, '$["agentInfo"]')), 'null') AS "agentinfo",
  nullif(json_format(json_extract(r.record, '$["networkInterface"]')), 'null') AS "networkinterface",
  nullif(json_format(json_extract(r.record, '$["software"]')), 'null') AS "software",
  nullif(json_format(json_extract(r.record, '$["sourceInfo"]')), 'null') AS "sourceinfo",
  json_extract_scalar(r.record, '$["created"]') AS "created",
  json_extract_scalar(r.record, '$["modified"]') AS "modified",
  nullif(json_format(json_extract(r.record, '$["lastVulnScan"]')), 'null') AS "lastvulnscan",
  r.tenant AS "_tenant",
  r.connection AS "_connection",
  r.cursor AS "_cursor",
  r.seen AS "_request_start",
  r.run AS "_run",
  r.object AS "_object",
  r.record AS "_record"
FROM shown r
WHERE NOT r.deleted AND (key_1 IS NULL);
