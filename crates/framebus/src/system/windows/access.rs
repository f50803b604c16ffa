//! Users, and who may use what: access lists made of a producer's mode bits.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::null_mut;
use std::sync::OnceLock;

use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
    SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID,
    SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::bell::owned;
use crate::system::kinds::Permissions;

/// Groups below this number are Windows's own (`S-1-5-32-…`); others are of the same domain as the user.
const OWN_GROUPS: u32 = 1000;

/// An access list, as calls that make something take it.
pub(super) struct Access {
    attributes: Box<SECURITY_ATTRIBUTES>,
}

impl Access {
    /// For this user, and for the system itself.
    pub(super) fn own() -> io::Result<Access> {
        Self::of(Permissions {
            mode: 0o600,
            gid: None,
        })
    }

    /// For whom mode bits let in.
    pub(super) fn of(permissions: Permissions) -> io::Result<Access> {
        let own = own_sid()?;
        let mut list = format!("O:{own}D:P(A;;GA;;;{own})(A;;GA;;;SY)");
        let mut grant = |bits: u32, who: &str| {
            let rights = match bits & 0o6 {
                0o4 => "GR",
                0o6 => "GRGW",
                _ => return,
            };
            list.push_str(&format!("(A;;{rights};;;{who})"));
        };
        if let Some(gid) = permissions.gid {
            let domain = own.rsplit_once('-').map_or("", |(domain, _)| domain);
            let group = if gid < OWN_GROUPS {
                format!("S-1-5-32-{gid}")
            } else {
                format!("{domain}-{gid}")
            };
            grant(permissions.mode >> 3, &group);
        }
        grant(permissions.mode, "WD");
        let list = super::wide(&list);
        let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
        // SAFETY: the text ends with a zero; the place for the result is writable, its length is not asked for.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                list.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                null_mut(),
            )
        };
        if made == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Access {
            attributes: Box::new(SECURITY_ATTRIBUTES {
                nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
                lpSecurityDescriptor: descriptor,
                bInheritHandle: 0,
            }),
        })
    }

    pub(super) fn attributes(&self) -> *const SECURITY_ATTRIBUTES {
        &raw const *self.attributes
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        // SAFETY: made by the conversion, which says that it is freed so.
        unsafe { LocalFree(self.attributes.lpSecurityDescriptor) };
    }
}

/// This process's user, as text (`S-1-5-21-…`).
fn own_sid() -> io::Result<String> {
    static OWN: OnceLock<String> = OnceLock::new();
    if let Some(own) = OWN.get() {
        return Ok(own.clone());
    }
    // SAFETY: a constant that means this process.
    let process = unsafe { GetCurrentProcess() };
    let sid = user_of(process)?;
    Ok(OWN.get_or_init(|| sid).clone())
}

/// This process's user as a number: the last of its SID.
pub(super) fn own_number() -> u32 {
    own_sid().map_or(u32::MAX, |sid| number(&sid))
}

/// The number of a user.
pub(super) fn number(sid: &str) -> u32 {
    let last = sid.rsplit('-').next().and_then(|last| last.parse().ok());
    last.unwrap_or(u32::MAX)
}

/// The user of a process that may be looked at.
pub(super) fn user_of(process: HANDLE) -> io::Result<String> {
    let mut token = null_mut();
    // SAFETY: the handle is open, the place writable.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let token: OwnedHandle = owned(token)?;
    // A user and its SID are less than 100 bytes; in words, as the structure is aligned.
    let mut user = [0u64; 32];
    let mut len = 0;
    // SAFETY: the place is writable and has as many bytes as is said.
    let told = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            user.as_mut_ptr().cast::<c_void>(),
            size_of_val(&user) as u32,
            &raw mut len,
        )
    };
    if told == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has filled in the structure, and the place is aligned for it.
    let user_sid = unsafe { (*user.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    text_of(user_sid)
}

/// The owner of something that is open.
pub(super) fn owner_of(handle: HANDLE) -> u32 {
    let mut owner: PSID = null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: the handle is open, the places are writable; what is not asked for has none.
    let told = unsafe {
        GetSecurityInfo(
            handle,
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            null_mut(),
            null_mut(),
            null_mut(),
            &raw mut descriptor,
        )
    };
    if told != 0 || owner.is_null() {
        return u32::MAX;
    }
    let text = text_of(owner);
    // SAFETY: made by the call, which says that it is freed so; `owner` points into it and is not used any more.
    unsafe { LocalFree(descriptor) };
    text.map_or(u32::MAX, |sid| number(&sid))
}

/// A SID as text.
fn text_of(sid: PSID) -> io::Result<String> {
    let mut text = null_mut();
    // SAFETY: the SID is one, the place is writable.
    if unsafe { ConvertSidToStringSidW(sid, &raw mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut letters = Vec::new();
    loop {
        // SAFETY: the text ends with a zero, and this is not behind it.
        let place = unsafe { text.add(letters.len()) };
        // SAFETY: as above.
        match unsafe { place.read() } {
            0 => break,
            letter => letters.push(letter),
        }
    }
    // SAFETY: made by the conversion, which says that it is freed so.
    unsafe { LocalFree(text.cast::<c_void>()) };
    Ok(String::from_utf16_lossy(&letters))
}
