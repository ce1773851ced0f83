"""Floor 3: vaults, jobs and recovery points in AWS Backup's own spelling, and the operations of ours that drive a job.

One file per noun. Requests arrive with the member names of the wire, checked by the codec for form; what a value means
is checked here. Results carry wire names; times are whole microseconds since 1970 (UTC).
"""
