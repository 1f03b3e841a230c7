"""Settings as dataclasses: conversion to plain JSON and back, validation against the machine."""

from femtobarn.settings.machine import check_machine, device_of, on_device
from femtobarn.settings.plain import flatten, from_dict, to_dict

__all__ = ["check_machine", "device_of", "flatten", "from_dict", "on_device", "to_dict"]
