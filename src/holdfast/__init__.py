"""Holdfast: AWS Backup Storage for your own machines."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

__version__ = "0.1.0"


def session(**kwargs: Any) -> "boto3.Session":
    """A boto3 session that knows the models `backupstorage` and `holdfast`; arguments as of `boto3.Session`."""
    import boto3  # late: importing boto3 takes longer than most commands of the agent
    import botocore.session

    from holdfast.wire import specs

    core = kwargs.pop("botocore_session", None) or botocore.session.get_session()
    # Loading reads the search paths at each look-up, so our models are found by every client made from here on.
    core.get_component("data_loader").search_paths.append(str(specs.data_path()))
    return boto3.Session(botocore_session=core, **kwargs)
