"""How an agent fails: as HTTP when a call is wrong, inside a result when a command is.

Source: ipa-protocol section 2; ironic-python-agent 13.0.0, errors.
"""


class CallRefused(Exception):
    """Becomes an HTTP error with a faultstring."""

    def __init__(self, status: int, says: str) -> None:
        super().__init__(says)
        self.status = status
        self.says = says

    def body(self) -> dict[str, object]:
        return {"faultcode": "Client" if self.status < 500 else "Server", "faultstring": self.says}


def invalid_command(says: str) -> CallRefused:
    return CallRefused(400, f"Invalid command: {says}")


def invalid_parameters(says: str) -> CallRefused:
    return CallRefused(400, f"Invalid command parameters: {says}")


class CommandFailed(Exception):
    """Becomes the `command_error` of a result. `type` is the agent's class name for it."""

    def __init__(self, kind: str, message: str, details: str, code: int = 500) -> None:
        super().__init__(f"{kind}: {details}")
        self.kind = kind
        self.message = message
        self.details = details
        self.code = code

    def body(self) -> dict[str, object]:
        return {"type": self.kind, "code": self.code, "message": self.message, "details": self.details}


def execution(details: str) -> CommandFailed:
    return CommandFailed("CommandExecutionError", "Command execution failed", details)


def download(image_id: str, says: str, kind: str = "ImageDownloadError") -> CommandFailed:
    return CommandFailed(kind, "Error downloading image", f"Download of image {image_id} failed: {says}")


def checksum(image_id: str, url: str, wanted: str, found: str) -> CommandFailed:
    details = (
        f"Image failed to verify against checksum. location: {url}; image ID: {image_id}; "
        f"image checksum: {wanted}; verification checksum: {found}"
    )
    return CommandFailed("ImageChecksumError", "Error verifying image checksum", details)


def write(device: str, says: str) -> CommandFailed:
    details = f"Writing image to device {device} failed with exit code 1. stdout: . stderr: {says}"
    return CommandFailed("ImageWriteError", "Error writing image to device", details)


def no_device(hints: object) -> CommandFailed:
    message = "Error finding the disk or partition device to deploy the image onto"
    details = f"No suitable device was found for deployment using these hints {hints}"
    return CommandFailed("DeviceNotFound", message, details, 404)


def deployment(says: str) -> CommandFailed:
    return CommandFailed("DeploymentError", "Deploy step failed", says)


def unknown_step(step: str) -> CommandFailed:
    message = "No HardwareManager found to handle method"
    return CommandFailed("HardwareManagerMethodNotFound", message, f"Could not find method: {step}")


def other_version(current: object) -> CommandFailed:
    message = "Hardware managers version mismatch, reload agent with correct version"
    return CommandFailed("VersionMismatch", message, f"Current versions: {current}", 409)
