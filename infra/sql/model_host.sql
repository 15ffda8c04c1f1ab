-- Athena's statements for one standard model, as `lake` renders them from its file. Fill in
-- ${Database}, ${LakeBucket}, ${FirstMonth} (2024-01) and, comma-separated, ${Tenants}; run the
-- statements one by one.

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_host_files` (
  `vendor` string,
  `source_id` string,
  `hostname` string,
  `hostname_aliases` array<string>,
  `internal_ips` array<string>,
  `external_ips` array<string>,
  `primary_internal_ip` string,
  `primary_external_ip` string,
  `mac_addresses` array<string>,
  `default_gateway` string,
  `cloud_provider` string,
  `cloud_account_id` string,
  `cloud_instance_id` string,
  `cloud_instance_type` string,
  `cloud_image_id` string,
  `cloud_region` string,
  `cloud_zone` string,
  `cloud_vpc_id` string,
  `cloud_subnet_id` string,
  `cloud_state` string,
  `serial_number` string,
  `bios_uuid` string,
  `os_name` string,
  `os_version` string,
  `os_platform` string,
  `os_kernel` string,
  `os_build` string,
  `manufacturer` string,
  `model` string,
  `bios` string,
  `cpu` string,
  `cpu_mhz` bigint,
  `memory_mb` bigint,
  `chassis` string,
  `agent_id` string,
  `agent_version` string,
  `agent_status` string,
  `agent_last_check_in` timestamp,
  `software` string,
  `open_ports` string,
  `volumes` string,
  `users` array<string>,
  `vulnerabilities` string,
  `vuln_counts` string,
  `policies` string,
  `tags` string,
  `groups` array<string>,
  `first_seen` timestamp,
  `last_seen` timestamp,
  `is_deleted` boolean,
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
LOCATION 's3://${LakeBucket}/curated/host/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'projection.month.type' = 'date',
  'projection.month.format' = 'yyyy-MM',
  'projection.month.range' = '${FirstMonth},NOW',
  'projection.month.interval' = '1',
  'projection.month.interval.unit' = 'MONTHS',
  'storage.location.template' = 's3://${LakeBucket}/curated/host/tenant=${tenant}/month=${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_host_snapshots` (
  `vendor` string,
  `source_id` string,
  `hostname` string,
  `hostname_aliases` array<string>,
  `internal_ips` array<string>,
  `external_ips` array<string>,
  `primary_internal_ip` string,
  `primary_external_ip` string,
  `mac_addresses` array<string>,
  `default_gateway` string,
  `cloud_provider` string,
  `cloud_account_id` string,
  `cloud_instance_id` string,
  `cloud_instance_type` string,
  `cloud_image_id` string,
  `cloud_region` string,
  `cloud_zone` string,
  `cloud_vpc_id` string,
  `cloud_subnet_id` string,
  `cloud_state` string,
  `serial_number` string,
  `bios_uuid` string,
  `os_name` string,
  `os_version` string,
  `os_platform` string,
  `os_kernel` string,
  `os_build` string,
  `manufacturer` string,
  `model` string,
  `bios` string,
  `cpu` string,
  `cpu_mhz` bigint,
  `memory_mb` bigint,
  `chassis` string,
  `agent_id` string,
  `agent_version` string,
  `agent_status` string,
  `agent_last_check_in` timestamp,
  `software` string,
  `open_ports` string,
  `volumes` string,
  `users` array<string>,
  `vulnerabilities` string,
  `vuln_counts` string,
  `policies` string,
  `tags` string,
  `groups` array<string>,
  `first_seen` timestamp,
  `last_seen` timestamp,
  `is_deleted` boolean,
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
LOCATION 's3://${LakeBucket}/snapshot/host/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'storage.location.template' = 's3://${LakeBucket}/snapshot/host/tenant=${tenant}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_host_things` (
  `vendor` string,
  `source_id` string,
  `hostname` string,
  `hostname_aliases` array<string>,
  `internal_ips` array<string>,
  `external_ips` array<string>,
  `primary_internal_ip` string,
  `primary_external_ip` string,
  `mac_addresses` array<string>,
  `default_gateway` string,
  `cloud_provider` string,
  `cloud_account_id` string,
  `cloud_instance_id` string,
  `cloud_instance_type` string,
  `cloud_image_id` string,
  `cloud_region` string,
  `cloud_zone` string,
  `cloud_vpc_id` string,
  `cloud_subnet_id` string,
  `cloud_state` string,
  `serial_number` string,
  `bios_uuid` string,
  `os_name` string,
  `os_version` string,
  `os_platform` string,
  `os_kernel` string,
  `os_build` string,
  `manufacturer` string,
  `model` string,
  `bios` string,
  `cpu` string,
  `cpu_mhz` bigint,
  `memory_mb` bigint,
  `chassis` string,
  `agent_id` string,
  `agent_version` string,
  `agent_status` string,
  `agent_last_check_in` timestamp,
  `software` string,
  `open_ports` string,
  `volumes` string,
  `users` array<string>,
  `vulnerabilities` string,
  `vuln_counts` string,
  `policies` string,
  `tags` string,
  `groups` array<string>,
  `first_seen` timestamp,
  `last_seen` timestamp,
  `is_deleted` boolean,
  `_id` string,
  `_number` bigint,
  `_kind` string,
  `_into` string,
  `_sources` string,
  `_provenance` string,
  `_conflicts` string,
  `_at` string
)
PARTITIONED BY (`tenant` string, `month` string)
STORED AS PARQUET
LOCATION 's3://${LakeBucket}/things/host/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'projection.month.type' = 'date',
  'projection.month.format' = 'yyyy-MM',
  'projection.month.range' = '${FirstMonth},NOW',
  'projection.month.interval' = '1',
  'projection.month.interval.unit' = 'MONTHS',
  'storage.location.template' = 's3://${LakeBucket}/things/host/tenant=${tenant}/month=${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_host_receipts` (`line` string)
PARTITIONED BY (`tenant` string, `month` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/receipts/host/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'projection.month.type' = 'date',
  'projection.month.format' = 'yyyy-MM',
  'projection.month.range' = '${FirstMonth},NOW',
  'projection.month.interval' = '1',
  'projection.month.interval.unit' = 'MONTHS',
  'storage.location.template' = 's3://${LakeBucket}/receipts/host/tenant=${tenant}/month=${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `${Database}`.`model_host_pointers` (`line` string)
PARTITIONED BY (`tenant` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' LINES TERMINATED BY '\n'
STORED AS TEXTFILE
LOCATION 's3://${LakeBucket}/pointers/host/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = '${Tenants}',
  'storage.location.template' = 's3://${LakeBucket}/pointers/host/tenant=${tenant}/'
);

CREATE OR REPLACE VIEW "${Database}"."model_host_records" AS
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
  FROM "${Database}"."model_host_receipts"
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
  SELECT tenant AS _tenant, line FROM "${Database}"."model_host_pointers" WHERE json_extract_scalar(line, '$["tenant"]') = tenant
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
  SELECT "vendor", "source_id", "hostname", "hostname_aliases", "internal_ips", "external_ips", "primary_internal_ip", "primary_external_ip", "mac_addresses", "default_gateway", "cloud_provider", "cloud_account_id", "cloud_instance_id", "cloud_instance_type", "cloud_image_id", "cloud_region", "cloud_zone", "cloud_vpc_id", "cloud_subnet_id", "cloud_state", "serial_number", "bios_uuid", "os_name", "os_version", "os_platform", "os_kernel", "os_build", "manufacturer", "model", "bios", "cpu", "cpu_mhz", "memory_mb", "chassis", "agent_id", "agent_version", "agent_status", "agent_last_check_in", "software", "open_ports", "volumes", "users", "vulnerabilities", "vuln_counts", "policies", "tags", "groups", "first_seen", "last_seen", "is_deleted", tenant AS _tenant, _connection, _source, _stream, _record_key, _place, _kind, _cursor, _request_start, _object, _line, _page, _ordinal, _run, _extra, _version, _file FROM (SELECT *, substr("$path", length('s3://${LakeBucket}/') + 1) AS _file FROM "${Database}"."model_host_files") f
), kept AS (
  SELECT "vendor", "source_id", "hostname", "hostname_aliases", "internal_ips", "external_ips", "primary_internal_ip", "primary_external_ip", "mac_addresses", "default_gateway", "cloud_provider", "cloud_account_id", "cloud_instance_id", "cloud_instance_type", "cloud_image_id", "cloud_region", "cloud_zone", "cloud_vpc_id", "cloud_subnet_id", "cloud_state", "serial_number", "bios_uuid", "os_name", "os_version", "os_platform", "os_kernel", "os_build", "manufacturer", "model", "bios", "cpu", "cpu_mhz", "memory_mb", "chassis", "agent_id", "agent_version", "agent_status", "agent_last_check_in", "software", "open_ports", "volumes", "users", "vulnerabilities", "vuln_counts", "policies", "tags", "groups", "first_seen", "last_seen", "is_deleted", tenant AS _tenant, _connection, _source, _stream, _record_key, _place, _kind, _cursor, _request_start, _object, _line, _page, _ordinal, _run, _extra, _version, _mode, _generation, _started, _file
  FROM (SELECT *, substr("$path", length('s3://${LakeBucket}/') + 1) AS _file FROM "${Database}"."model_host_snapshots") s
), entries AS (
  SELECT f._tenant, f."vendor", f."source_id", f."hostname", f."hostname_aliases", f."internal_ips", f."external_ips", f."primary_internal_ip", f."primary_external_ip", f."mac_addresses", f."default_gateway", f."cloud_provider", f."cloud_account_id", f."cloud_instance_id", f."cloud_instance_type", f."cloud_image_id", f."cloud_region", f."cloud_zone", f."cloud_vpc_id", f."cloud_subnet_id", f."cloud_state", f."serial_number", f."bios_uuid", f."os_name", f."os_version", f."os_platform", f."os_kernel", f."os_build", f."manufacturer", f."model", f."bios", f."cpu", f."cpu_mhz", f."memory_mb", f."chassis", f."agent_id", f."agent_version", f."agent_status", f."agent_last_check_in", f."software", f."open_ports", f."volumes", f."users", f."vulnerabilities", f."vuln_counts", f."policies", f."tags", f."groups", f."first_seen", f."last_seen", f."is_deleted", f._connection, f._source, f._stream, f._record_key, f._place, f._kind, f._cursor, f._request_start, f._object, f._line, f._page, f._ordinal, f._run, f._extra, f._version, greatest(f._request_start, p.seen) AS _seen, 1 AS _live
  FROM live f JOIN parts p
    ON f._tenant = p._tenant AND f._connection = p._connection AND f._source = p._source AND f._stream = p._stream AND p.object = f._object AND p.file = f._file AND p.turn = 1
  UNION ALL
  SELECT s._tenant, s."vendor", s."source_id", s."hostname", s."hostname_aliases", s."internal_ips", s."external_ips", s."primary_internal_ip", s."primary_external_ip", s."mac_addresses", s."default_gateway", s."cloud_provider", s."cloud_account_id", s."cloud_instance_id", s."cloud_instance_type", s."cloud_image_id", s."cloud_region", s."cloud_zone", s."cloud_vpc_id", s."cloud_subnet_id", s."cloud_state", s."serial_number", s."bios_uuid", s."os_name", s."os_version", s."os_platform", s."os_kernel", s."os_build", s."manufacturer", s."model", s."bios", s."cpu", s."cpu_mhz", s."memory_mb", s."chassis", s."agent_id", s."agent_version", s."agent_status", s."agent_last_check_in", s."software", s."open_ports", s."volumes", s."users", s."vulnerabilities", s."vuln_counts", s."policies", s."tags", s."groups", s."first_seen", s."last_seen", s."is_deleted", s._connection, s._source, s._stream, s._record_key, s._place, s._kind, s._cursor, s._request_start, s._object, s._line, s._page, s._ordinal, s._run, s._extra, s._version, greatest(greatest(s._request_start, s._started), coalesce(p.seen, '')) AS _seen, 0 AS _live
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
  "vendor",
  "source_id",
  "hostname",
  "hostname_aliases",
  "internal_ips",
  "external_ips",
  "primary_internal_ip",
  "primary_external_ip",
  "mac_addresses",
  "default_gateway",
  "cloud_provider",
  "cloud_account_id",
  "cloud_instance_id",
  "cloud_instance_type",
  "cloud_image_id",
  "cloud_region",
  "cloud_zone",
  "cloud_vpc_id",
  "cloud_subnet_id",
  "cloud_state",
  "serial_number",
  "bios_uuid",
  "os_name",
  "os_version",
  "os_platform",
  "os_kernel",
  "os_build",
  "manufacturer",
  "model",
  "bios",
  "cpu",
  "cpu_mhz",
  "memory_mb",
  "chassis",
  "agent_id",
  "agent_version",
  "agent_status",
  "agent_last_check_in",
  "software",
  "open_ports",
  "volumes",
  "users",
  "vulnerabilities",
  "vuln_counts",
  "policies",
  "tags",
  "groups",
  "first_seen",
  "last_seen",
  "is_deleted",
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

CREATE OR REPLACE VIEW "${Database}"."model_host" AS
SELECT
  "vendor",
  "source_id",
  "hostname",
  "hostname_aliases",
  "internal_ips",
  "external_ips",
  "primary_internal_ip",
  "primary_external_ip",
  "mac_addresses",
  "default_gateway",
  "cloud_provider",
  "cloud_account_id",
  "cloud_instance_id",
  "cloud_instance_type",
  "cloud_image_id",
  "cloud_region",
  "cloud_zone",
  "cloud_vpc_id",
  "cloud_subnet_id",
  "cloud_state",
  "serial_number",
  "bios_uuid",
  "os_name",
  "os_version",
  "os_platform",
  "os_kernel",
  "os_build",
  "manufacturer",
  "model",
  "bios",
  "cpu",
  "cpu_mhz",
  "memory_mb",
  "chassis",
  "agent_id",
  "agent_version",
  "agent_status",
  "agent_last_check_in",
  "software",
  "open_ports",
  "volumes",
  "users",
  "vulnerabilities",
  "vuln_counts",
  "policies",
  "tags",
  "groups",
  "first_seen",
  "last_seen",
  "is_deleted",
  tenant AS _tenant,
  _id,
  _number,
  _sources,
  _provenance,
  _conflicts,
  _at
FROM (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, _id ORDER BY _number DESC, _file DESC) AS _turn
  FROM (SELECT *, substr("$path", length('s3://${LakeBucket}/') + 1) AS _file FROM "${Database}"."model_host_things") t
) told
WHERE _turn = 1 AND _kind = 'thing';
