//! Adapters on S3, DynamoDB, SQS, Secrets Manager and Scheduler, and the Lambda bridge.
